/** JSON.parse keeps the last of several values with one name, and does not tell. */

/**
 * A name that some object of a JSON text has twice. Without recursion, however deep the text is.
 * @param text valid JSON
 */
export function repeatedName(text: string): string | undefined {
  /** Of the objects and lists that are open; a list has no names. */
  const open: (Set<string> | undefined)[] = [];
  for (let offset = 0; offset < text.length; offset++) {
    const character = text[offset];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    if (character !== '"') continue;
    const begin = offset;
    while (text[++offset] !== '"') if (text[offset] === '\\') offset++;
    const names = open.at(-1);
    if (names === undefined || !isFollowedByColon(text, offset + 1)) continue;
    const name = JSON.parse(text.slice(begin, offset + 1)) as string;
    if (names.has(name)) return name;
    names.add(name);
  }
  return undefined;
}

function isFollowedByColon(text: string, from: number): boolean {
  let offset = from;
  while (' \t\n\r'.includes(text[offset] ?? '!')) offset++;
  return text[offset] === ':';
}

/**
 * What of a page is made: blocks between `<!-- made: NAME -->` and `<!-- end -->`, and sentences whose numbers follow
 * from measurements. Pure functions from text to text.
 */

/** A sentence of a page: fixed words, and between them what follows from measurements. */
export interface Wording {
  readonly words: readonly string[];
  readonly values: readonly string[];
}

const BLOCK = /(<!-- made: ([a-z0-9 -]+) -->\n)([\s\S]*?)(\n?<!-- end -->)/g;
/** Longest line of a page's prose. */
const WIDTH = 120;
/** What a value may be in the page as it is: never across paragraphs or cells. */
const ANY_VALUE = String.raw`(?:(?!\n\s*\n)[^|]){1,160}?`;

/** Names of a page's blocks, in their order. */
export function blockNames(page: string): string[] {
  return [...page.matchAll(BLOCK)].map((match) => match[2]!);
}

/** The page without its blocks, each replaced by an empty line. */
export function withoutBlocks(page: string): string {
  return page.replace(BLOCK, '');
}

/** @param content of a block, by its name and what stands there, which it replaces */
export function withBlocks(page: string, content: (name: string, present: string) => string): string {
  return page.replace(BLOCK, (_, begin: string, name: string, present: string, end: string) => {
    const made = content(name, present).replace(/\n+$/, '');
    return `${begin}${made}${end.startsWith('\n') ? end : `\n${end}`}`;
  });
}

/**
 * A template literal as a wording.
 * @throws Error if it begins or ends with a value: where that ends in a page could not be told
 */
export function says(words: TemplateStringsArray, ...values: (string | number)[]): Wording {
  if (words[0]!.trim() === '' || words.at(-1)!.trim() === '')
    throw new Error(`A sentence begins and ends with fixed words: ${words.join('...')}`);
  return { words: [...words], values: values.map(String) };
}

/** The sentence as it should be, on one line. */
export function sentenceText({ words, values }: Wording): string {
  return words.map((part, i) => part + (values[i] ?? '')).join('');
}

/** Whether the page has the sentence with these very values, however its lines are broken. */
export function hasSentence(page: string, wording: Wording): boolean {
  return new RegExp(loose(sentenceText(wording))).test(page);
}

/** Whether the page has the sentence, whatever its values. */
export function hasWords(page: string, { words }: Wording): boolean {
  return anyValues(words).test(page);
}

/** The page with this sentence's values. Its paragraph is broken anew where a line has become too long. */
export function withSentence(page: string, wording: Wording): string {
  if (hasSentence(page, wording)) return page;
  const match = anyValues(wording.words).exec(page);
  if (match === null) return page;
  const before = page.lastIndexOf('\n\n', match.index);
  const from = before === -1 ? 0 : before + 2;
  const end = page.indexOf('\n\n', match.index + match[0].length);
  const to = end === -1 ? page.length : end;
  const paragraph = page.slice(from, to);
  const at = match.index - from;
  const replaced = paragraph.slice(0, at) + sentenceText(wording) + paragraph.slice(at + match[0].length);
  return page.slice(0, from) + wrapped(replaced) + page.slice(to);
}

/** Breaks the lines of paragraphs and list items; lines of other kinds stay. */
export function wrapped(text: string): string {
  if (/^(\||<|#|```|!\[)/m.test(text)) return text;
  const items = text.replace(/\n+$/, '').split(/\n(?=(?:[-*]|\d+\.) )/);
  const ending = /\n*$/.exec(text)![0];
  return items.map(wrappedItem).join('\n') + ending;
}

function wrappedItem(item: string): string {
  const mark = /^(?:[-*]|\d+\.) /.exec(item)?.[0] ?? '';
  const indent = ' '.repeat(mark.length);
  const lines: string[] = [];
  let line = mark;
  for (const word of item.slice(mark.length).trim().split(/\s+/)) {
    const longer = line.trim() === '' || line === mark ? line + word : `${line} ${word}`;
    if (longer.length > WIDTH && line.trim() !== '') {
      lines.push(line);
      line = indent + word;
    } else line = longer;
  }
  return [...lines, line].join('\n');
}

function anyValues(words: readonly string[]): RegExp {
  return new RegExp(words.map(loose).join(ANY_VALUE));
}

/** White space matches white space, line breaks with a list's indent included. */
function loose(text: string): string {
  return text
    .split(/(\s+)/)
    .map((part) => (/^\s+$/.test(part) ? String.raw`\s+` : part.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)))
    .join('');
}

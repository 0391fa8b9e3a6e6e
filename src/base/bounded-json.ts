/**
 * Parses JSON that anybody may have written. What is nested deeper than any file of swp is refused before anything
 * walks through it: validation, canonical JSON and comparison call themselves for every level.
 */

/** A record has about ten levels, and what a stage of one's own takes as parameters. */
const MOST_LEVELS = 500;

const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];

/** @throws SyntaxError for what is no JSON, or is nested too deeply */
export function parseBoundedJson(text: string): unknown {
  if (isTooDeep(text)) throw new SyntaxError(`It is nested more than ${MOST_LEVELS} levels deep`);
  return JSON.parse(text);
}

/** Counts brackets outside of strings: quicker than to walk through the parsed value, which may not fit into memory. */
function isTooDeep(text: string): boolean {
  let levels = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === OPEN_OBJECT || code === OPEN_LIST) {
      if (++levels > MOST_LEVELS) return true;
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) levels--;
    else if (code === QUOTE) {
      at = endOfString(text, at);
      if (at === -1) return false; // it never ends: the parser says so
    }
  }
  return false;
}

/** @returns where the string that begins at `start` ends; -1 if it does not */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}

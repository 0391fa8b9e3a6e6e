/**
 * A JSON file together with where everything in it stands, so that a mistake can be shown at its place.
 * Limits: strict JSON (no comments, no trailing commas), so that every other tool reads the file too; and on its
 * length, depth and number of values, so that a broken or hostile file cannot exhaust the stack or the memory.
 */
import { isUtf8 } from 'node:buffer';
import { relative } from 'node:path';
import { parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser';
import type { Failure, SourceLocation } from './failure.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { quoted } from './nearest-name.ts';

/** A file's path as the user would write it: relative to the working folder where that is shorter. */
export function displayPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near !== '' && near.length < path.length && !near.startsWith('..') ? near : path;
}

/** Names and list indices from the top of a file to a value in it. */
export type JsonPath = (string | number)[];

/** Which part to mark: the whole value, the name before it, or where it begins (for what is missing in it). */
export type Mark = 'value' | 'key' | 'start';

type StudyFailure = Extract<Failure, { kind: 'study' }>;

/** A place in the text. Only of the few places that are shown is it worked out how they look. */
export interface Place {
  offset: number;
  locate(): SourceLocation;
}

/** A mistake with its place in the text. */
export type PlacedMistake = Omit<StudyFailure, 'kind' | 'at'> & { place: Place };

const HALF_CHARACTER = /\p{Surrogate}/u;
const MAXIMUM_DEPTH = 64;
/** Of text: a longer one is not even read. */
export const MAXIMUM_LENGTH = 8_000_000;
const MAXIMUM_VALUES = 1_000_000;
/** Of one list or object: more than any key of a study may have. */
const MAXIMUM_ENTRIES = 20_000;
/** More are not collected. */
const MAXIMUM_MISTAKES = 1000;

export class JsonSource {
  readonly #text: string;
  readonly #lineStarts: number[];
  #root: Node | undefined;
  /** The values in an object, by name: files may have many thousands of mistakes in one object. */
  readonly #values = new WeakMap<Node, Map<string, Node>>();
  #content: JsonValue = null;
  /** What keeps the text from being read at all; where there are any, `value` is null. */
  readonly mistakes: PlacedMistake[] = [];

  /**
   * @param file path as the user knows it
   * @param content as text, or as the file holds it, where what is no UTF-8 is a mistake
   */
  constructor(
    readonly file: string,
    content: string | Uint8Array,
  ) {
    const text = typeof content === 'string' ? content : Buffer.from(content).toString('utf8');
    this.#text = text.replace(/^\uFEFF/, '');
    this.#lineStarts = startsOfLines(this.#text);
    if (typeof content === 'string' || isUtf8(content)) this.#read();
    else this.#complain(firstNoUtf8(this.#text, content), 1, 'This is not UTF-8.', encodingExpectation(content));
  }

  get value(): JsonValue {
    return this.mistakes.length > 0 ? null : this.#content;
  }

  /** Where the value at `path` stands. Falls back to the nearest parent. */
  at(path: JsonPath, mark: Mark = 'value'): Place {
    const node = this.#nearest(path);
    if (node === undefined) return this.#place(0, 1);
    const key = node.parent?.type === 'property' ? node.parent.children?.[0] : undefined;
    if (mark === 'key' && key !== undefined) return this.#place(key.offset, key.length);
    return {
      offset: node.offset,
      locate: () => this.#locate(node.offset, mark === 'start' || this.#spansLines(node) ? 1 : node.length),
    };
  }

  #nearest(path: JsonPath): Node | undefined {
    let node = this.#root;
    for (const part of path) {
      const child = node && this.#child(node, part);
      if (child === undefined) break;
      node = child;
    }
    return node;
  }

  #child(node: Node, part: string | number): Node | undefined {
    if (typeof part === 'number') return node.type === 'array' ? node.children?.[part] : undefined;
    if (node.type !== 'object') return undefined;
    let values = this.#values.get(node);
    if (values === undefined) {
      values = new Map(
        (node.children ?? []).flatMap(({ children: [key, value] = [] }) =>
          key === undefined || value === undefined ? [] : [[key.value as string, value] as const],
        ),
      );
      this.#values.set(node, values);
    }
    return values.get(part);
  }

  #read(): void {
    if (this.#text.length > MAXIMUM_LENGTH) {
      this.#complain(0, 1, 'The file is too large.', `at most ${MAXIMUM_LENGTH / 1e6} MB`);
      return;
    }
    const beyond = beyondLimits(this.#text);
    if (beyond !== undefined) {
      this.#complain(beyond.offset, 1, beyond.message, beyond.expected);
      return;
    }
    if (this.#text.trim() === '') {
      this.#complain(0, 1, 'The file is empty.', 'a JSON object');
      return;
    }
    const errors: ParseError[] = [];
    this.#root = parseTree(this.#text, errors, { disallowComments: true, allowTrailingComma: false });
    const first = errors[0];
    if (first !== undefined) {
      const { message, expected } = syntaxMessage(first, this.#text);
      // What follows a syntax error is mostly its consequence: only the first one is shown.
      this.#complain(Math.min(first.offset, Math.max(0, this.#text.length - 1)), first.length, message, expected);
    } else if (this.#root !== undefined) {
      this.#content = this.#toValue(this.#root);
    }
  }

  /** Objects get no prototype: a name such as "constructor" is then nothing but a name. */
  #toValue(node: Node): JsonValue {
    if (node.type === 'array') return (node.children ?? []).map((child) => this.#toValue(child));
    if (node.type !== 'object') {
      if (typeof node.value === 'number' && !Number.isFinite(node.value))
        this.#complain(node.offset, node.length, 'This number is too large.', 'a finite number');
      this.#checkUnicode(node);
      return node.value as JsonValue;
    }
    const object = Object.create(null) as JsonObject;
    const places = new Map<string, number>();
    for (const property of node.children ?? []) {
      const [key, value] = property.children ?? [];
      if (key === undefined || value === undefined) continue;
      const name = key.value as string;
      this.#checkUnicode(key);
      const earlier = places.get(name);
      if (earlier !== undefined) {
        const { line, column } = this.#locate(earlier, 1);
        this.#complain(
          key.offset,
          key.length,
          `${quoted(name)} stands here a second time.`,
          `each name once; the first is at ${line}:${column}`,
        );
      } else if (name === '__proto__') {
        this.#complain(key.offset, key.length, '"__proto__" cannot be a name.');
      } else {
        places.set(name, key.offset);
        object[name] = this.#toValue(value);
      }
    }
    return object;
  }

  /** A text with half a character cannot be written as UTF-8, and canonical JSON (RFC 8785) refuses it. */
  #checkUnicode({ value, offset, length }: Node): void {
    if (typeof value === 'string' && HALF_CHARACTER.test(value))
      this.#complain(
        offset,
        length,
        'This text holds half of a surrogate pair, which is no character.',
        'characters beyond U+FFFF as they are, or as both halves: \\ud83e\\udd8a',
      );
  }

  #complain(offset: number, length: number, message: string, expected?: string): void {
    if (this.mistakes.length < MAXIMUM_MISTAKES)
      this.mistakes.push({ place: this.#place(offset, length), message, expected });
  }

  #place(offset: number, length: number): Place {
    return { offset, locate: () => this.#locate(offset, length) };
  }

  #locate(offset: number, length: number): SourceLocation {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    const start = this.#lineStarts[low] ?? 0;
    const end = this.#lineStarts[low + 1] ?? this.#text.length;
    const text = this.#text.slice(start, end - lengthOfLineEnd(this.#text, start, end));
    const column = offset - start + 1;
    return {
      file: this.file,
      line: low + 1,
      column,
      length: Math.max(1, Math.min(length, text.length - column + 1)),
      text,
    };
  }

  #spansLines(node: Node): boolean {
    const line = (offset: number) => this.#locate(offset, 1).line;
    return line(node.offset) !== line(node.offset + node.length - 1);
  }
}

/** @returns where the first bytes that are no UTF-8 stand in the text, in which U+FFFD takes their place */
function firstNoUtf8(text: string, bytes: Uint8Array): number {
  const mark = [0xef, 0xbb, 0xbf].every((byte, index) => bytes[index] === byte) ? 3 : 0;
  // A U+FFFD that is well written stands there as itself.
  const isWritten = (at: number) => bytes[at] === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd;
  let [index, at] = [0, mark];
  for (;;) {
    const next = text.indexOf('\uFFFD', index);
    if (next === -1) return 0;
    at += Buffer.byteLength(text.slice(index, next));
    if (!isWritten(at)) return next;
    [index, at] = [next + 1, at + 3];
  }
}

function encodingExpectation(bytes: Uint8Array): string {
  const start = `${bytes[0]},${bytes[1]}`;
  const isUtf16 = start === '255,254' || start === '254,255';
  return `a file in UTF-8${isUtf16 ? '; this one is in UTF-16: save it anew' : ''}`;
}

function startsOfLines(text: string): number[] {
  const starts = [0];
  for (let index = text.indexOf('\n'); index !== -1; index = text.indexOf('\n', index + 1)) starts.push(index + 1);
  return starts;
}

function lengthOfLineEnd(text: string, start: number, end: number): number {
  if (end === start || text[end - 1] !== '\n') return 0;
  return end - 1 > start && text[end - 2] === '\r' ? 2 : 1;
}

/** The first place at which there is too much. Without recursion, unlike the parser. */
function beyondLimits(text: string): { offset: number; message: string; expected: string } | undefined {
  let inString = false;
  let values = 0;
  /** Of the lists and objects that are open: the commas in them. */
  const commas: number[] = [];
  for (let offset = 0; offset < text.length; offset++) {
    const character = text[offset];
    if (inString) {
      if (character === '\\') offset++;
      else if (character === '"' || character === '\n') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{' || character === '[') {
      commas.push(0);
      if (commas.length > MAXIMUM_DEPTH)
        return { offset, message: 'This is nested too deeply.', expected: `at most ${MAXIMUM_DEPTH} levels` };
    } else if (character === '}' || character === ']') commas.pop();
    else if (character === ',') {
      const entries = commas.length > 0 ? (commas[commas.length - 1]! += 1) : 0;
      if (entries >= MAXIMUM_ENTRIES)
        return { offset, message: 'There are too many entries here.', expected: `at most ${MAXIMUM_ENTRIES}` };
      if (++values >= MAXIMUM_VALUES)
        return { offset, message: 'The file holds too many values.', expected: `at most ${MAXIMUM_VALUES}` };
    }
  }
  return undefined;
}

const SYNTAX_EXPECTATIONS: Record<string, string> = {
  PropertyNameExpected: 'a name in double quotes (JSON has no comma before a closing brace)',
  ValueExpected: 'a value (JSON has no comma before a closing bracket)',
  ColonExpected: "':' after the name",
  CommaExpected: "',' between the entries",
  CloseBraceExpected: "'}'",
  CloseBracketExpected: "']'",
  EndOfFileExpected: 'nothing after the closing brace',
  InvalidCommentToken: 'no comments: JSON has none; "description" is there for words',
  UnexpectedEndOfComment: 'no comments: JSON has none; "description" is there for words',
  UnexpectedEndOfString: 'a closing double quote',
  UnexpectedEndOfNumber: 'a digit',
  InvalidNumberFormat: 'a number such as 0.5 or 1e-4',
  InvalidUnicode: 'four hexadecimal digits after \\u',
  InvalidEscapeCharacter: 'one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX',
  InvalidCharacter: 'no control character in a string: \\n for a new line, \\t for a tab',
  InvalidSymbol: 'a value: a string in double quotes, a number, true, false, null, { or [',
};

function syntaxMessage({ error, offset }: ParseError, text: string): { message: string; expected?: string } {
  const message = offset >= text.trimEnd().length ? 'The file ends too early.' : 'This is not JSON.';
  return { message, expected: SYNTAX_EXPECTATIONS[printParseErrorCode(error)] };
}

/** A JSON pointer (RFC 6901) writes names and indices alike: which one a part is, the value tells. */
export function pathOf(pointer: string, value: JsonValue): JsonPath {
  let inside: unknown = value;
  return pointer
    .split('/')
    .slice(1)
    .map((escaped) => {
      const name = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
      const part = Array.isArray(inside) ? Number(name) : name;
      inside = (inside as Record<string | number, unknown>)[part];
      return part;
    });
}

/** The files of a declared text, and what is in them: documents, as texts. */
import { createReadStream, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { SwpError } from '../base/failure.ts';
import { fileFailure } from '../base/file-failure.ts';
import { quoted } from '../base/nearest-name.ts';
import { readableNames } from '../base/readable-names.ts';
import type { DeclaredFile } from '../engine/stage.ts';
import { declaredFiles, readTextStandIn, standInPath } from './stand-in.ts';

/** A text as a study declares it. */
export interface TextDeclaration {
  /** Path of a file or a folder, absolute or from the study's folder. */
  text: string;
  /** Of JSON Lines: the field of each line that holds the text. */
  field?: string;
}

/** Of a folder, the files of these names count, in the order of their names. */
const TEXT_NAME = /\.txt(\.gz)?$/;
const LINES_NAME = /\.(jsonl|ndjson)(\.gz)?$/;
/** Each file stands in the key. */
const MOST_FILES = 20_000;

export const TEXT_REMEDY = 'Put the text there, or name another one ("corpus" in pipeline.json, or --text).';

/**
 * The files of a text, for keys: numbered, since their order matters and their names do not.
 * @param root the study's folder
 * @throws SwpError of kind `content` for a folder without a text
 */
export function textFiles({ text, field }: TextDeclaration, root: string): DeclaredFile[] {
  const standIn = standInPath('text', text, root);
  if (standIn !== undefined) return declaredFiles(standIn, readTextStandIn(standIn).files, `the text ${text}`);
  const path = resolve(root, text);
  if (!isFolder(path)) return [{ name: 'text', path, remedy: TEXT_REMEDY }];
  const pattern = field === undefined ? TEXT_NAME : LINES_NAME;
  const names = readableNames(path).filter((name) => pattern.test(name) && !name.startsWith('.'));
  const kind = field === undefined ? '.txt or .txt.gz' : '.jsonl, .ndjson, .jsonl.gz or .ndjson.gz';
  if (names.length === 0)
    throw new SwpError({ kind: 'content', path, message: `No file in it has a name in ${kind}`, remedy: TEXT_REMEDY });
  if (names.length > MOST_FILES)
    throw new SwpError({
      kind: 'content',
      path,
      message: `It has ${names.length} texts, and ${MOST_FILES} are the most`,
      remedy: 'Join them in files of JSON Lines, one text a line, and declare "field" beside "text".',
    });
  return names.map((name, index) => ({ name: `text ${index + 1}`, path: join(path, name), remedy: TEXT_REMEDY }));
}

/** A folder whose list of texts counts; undefined where the text is a file. */
export function textFolder({ text }: TextDeclaration, root: string): string | undefined {
  if (standInPath('text', text, root) !== undefined) return undefined;
  const path = resolve(root, text);
  return isFolder(path) ? path : undefined;
}

/** Whether a file's name says that it is JSON Lines. */
export function isNamedLines({ text }: TextDeclaration): boolean {
  return LINES_NAME.test(text);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // reading it says what is wrong
  }
}

/** A document, or the next piece of a long one. */
export interface DocumentPiece {
  text: string;
  /** Whether the document ends with it. */
  last: boolean;
  /** How many bytes of the file have been read by now. */
  bytes: number;
}

/**
 * Where a text may be cut, from a place on; -1 if nowhere yet. It looks at no more than the characters on both sides.
 */
export type Cut = (text: string, from: number) => number;

/** So many characters at the end of a text may be the first part of such a place: a letter, a space, half a letter. */
const LONGEST_BOUNDARY = 4;

/**
 * @param field of JSON Lines; without it the file is one document
 * @param cut without it, documents are whole
 * @throws SwpError of kind `content` for what is no text in UTF-8, or no JSON Lines with that field
 */
export async function* readDocuments(
  path: string,
  field: string | undefined,
  cut?: Cut,
): AsyncGenerator<DocumentPiece> {
  const read = { bytes: 0 };
  try {
    if (field !== undefined) yield* documentLines(path, field, read, cut);
    else yield* documentPieces(path, read, cut);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_')) throw unfit(path, `It is compressed with gzip, and damaged: ${message}`);
    throw fileFailure(error, path, 'read', TEXT_REMEDY);
  }
}

/** Characters of a piece, or a little more. */
const PIECE = 1 << 16;
/** Characters that are tokenised at once, at most: they take up to 3 GB. */
const MOST_AT_ONCE = 1 << 22;
/** Of a line of JSON Lines. A string of JavaScript has no more than twice as many. */
const LONGEST_LINE = 1 << 28;

/** A document in pieces, as it comes. */
class Pieces {
  readonly #path: string;
  readonly #cut: Cut | undefined;
  #rest = '';
  /** Up to where `rest` has no place to be cut. */
  #searched = PIECE;

  constructor(path: string, cut: Cut | undefined) {
    this.#path = path;
    this.#cut = cut;
  }

  /** Yields what can be cut off with this. */
  *add(text: string, read: { bytes: number }): Generator<DocumentPiece> {
    this.#rest += text;
    while (this.#cut !== undefined && this.#rest.length > PIECE) {
      const end = this.#cut(this.#rest, this.#searched);
      if (end < 0) {
        this.#searched = Math.max(PIECE, this.#rest.length - LONGEST_BOUNDARY);
        break;
      }
      yield { text: this.#bounded(this.#rest.slice(0, end)), last: false, bytes: read.bytes };
      this.#rest = this.#rest.slice(end);
      this.#searched = PIECE;
    }
    this.#bounded(this.#rest);
  }

  /** What is left. */
  *end(read: { bytes: number }): Generator<DocumentPiece> {
    yield { text: this.#rest, last: true, bytes: read.bytes };
  }

  #bounded(text: string): string {
    if (text.length <= MOST_AT_ONCE) return text;
    const most = `${MOST_AT_ONCE.toLocaleString('en')} characters`;
    if (this.#cut === undefined)
      throw unfit(
        this.#path,
        `A document in it has more than ${most}, and this tokenizer takes documents as a whole`,
        'Divide it: into several files, or lines of JSON Lines ("field" beside "text").',
      );
    throw unfit(
      this.#path,
      `It has more than ${most} in a row without a place where a text can be divided, such as a space between words`,
      'Divide it into lines or into several files, or name another text.',
    );
  }
}

async function* documentPieces(
  path: string,
  read: { bytes: number },
  cut: Cut | undefined,
): AsyncGenerator<DocumentPiece> {
  const pieces = new Pieces(path, cut);
  for await (const chunk of readText(path, read)) yield* pieces.add(chunk, read);
  yield* pieces.end(read);
}

async function* documentLines(
  path: string,
  field: string,
  read: { bytes: number },
  cut: Cut | undefined,
): AsyncGenerator<DocumentPiece> {
  /** Parts of the line that has not ended: joined once, however long it is. */
  let parts: string[] = [];
  let [length, number] = [0, 0];
  const document = function* (end: string): Generator<DocumentPiece> {
    const line = parts.join('') + end;
    [parts, length] = [[], 0];
    number++;
    if (line.trim() === '') return;
    const pieces = new Pieces(path, cut);
    yield* pieces.add(fieldOf(path, line, number, field), read);
    yield* pieces.end(read);
  };
  for await (const chunk of readText(path, read)) {
    const lines = chunk.split('\n');
    const rest = lines.pop()!;
    for (const line of lines) yield* document(line);
    parts.push(rest);
    length += rest.length;
    if (length > LONGEST_LINE)
      throw unfit(
        path,
        `Line ${number + 1} has more than ${LONGEST_LINE.toLocaleString('en')} characters`,
        'Divide it into several lines.',
      );
  }
  yield* document('');
}

function fieldOf(path: string, line: string, number: number, field: string): string {
  let content: unknown;
  try {
    content = JSON.parse(line);
  } catch {
    throw unfit(path, `Line ${number} is no JSON, and "field" beside "corpus" says that each line is`);
  }
  const isObject = typeof content === 'object' && content !== null && Object.hasOwn(content, field);
  const text = isObject ? (content as Record<string, unknown>)[field] : undefined;
  if (typeof text === 'string') return text;
  throw unfit(path, `Line ${number} has no text under ${quoted(field)}`);
}

/** The text of a file, unpacked if it is compressed with gzip. */
async function* readText(path: string, read: { bytes: number }): AsyncGenerator<string> {
  const start = await firstBytes(path);
  if (/^version https:\/\/git-lfs/.test(start.toString('latin1')))
    throw unfit(path, 'It is a pointer of Git LFS: the text itself has not been fetched', 'Fetch it: `git lfs pull`.');
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  file.on('data', (chunk) => (read.bytes += chunk.length));
  const isPacked = start[0] === 0x1f && start[1] === 0x8b;
  // Errors of either come out of the loop below.
  const bytes: AsyncIterable<Buffer> = isPacked ? pipeline(file, createGunzip(), () => {}) : file;
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (chunk?: Buffer): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch {
      throw unfit(path, `It is no text in UTF-8 (within its first ${read.bytes} bytes)`, 'Convert it to UTF-8.');
    }
  };
  for await (const chunk of bytes) yield checked(path, decode(chunk));
  yield checked(path, decode());
}

/** Other encodings, and files that are no text, have characters that no text has. */
function checked(path: string, text: string): string {
  if (text.includes('\0')) throw unfit(path, 'It is no text in UTF-8: it has a NUL character', 'Convert it to UTF-8.');
  return text;
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function unfit(path: string, message: string, remedy = TEXT_REMEDY): SwpError {
  return new SwpError({ kind: 'content', path, message, remedy });
}

/**
 * How much there is to tokenize, and what it takes: what estimates are made of. Apart, since it loads the tokenizer's
 * package.
 */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { FileDigests } from '../base/file-digests.ts';
import type { StageWork } from '../engine/stage.ts';
import type { TokenizeParams } from '../generated/tokenize.ts';
import { tokenizerFiles } from '../model/model-tokenizer.ts';
import { textFiles } from '../model/text-files.ts';
import { configOf } from './stage-work.ts';

type Tokenizing = Pick<Required<TokenizeParams>, 'model' | 'corpus' | 'limit'>;

/** Bytes of text, by the tokenizer and by whether they are packed. A part of a text cannot be measured by itself. */
export async function tokenizingWork(
  { model, corpus }: Pick<Tokenizing, 'model' | 'corpus'>,
  root: string,
): Promise<StageWork> {
  const { paths, bytes } = textOf(corpus, root);
  const isThere = tokenizerFiles(model).filter(({ path }) => existsSync(path));
  const tokenizer = await Promise.all(isThere.map(({ path }) => FileDigests.ofUser().digest(path)));
  const packed = paths.some(isPacked);
  return { unit: 'bytes', count: Math.max(1, bytes), alike: { tokenizer, packed } };
}

/** What a process takes by itself, and with each token that its tokenizer knows: 170 MB with 49,152 of them. */
const PROCESS_BYTES = 100e6;
const PER_KNOWN_TOKEN = 2000;
/** Of a token of the text: in its document, among all, and again while they are divided. */
const PER_TOKEN = 16;
const STORED_TOKEN = 4;
/** A text has fewer tokens, as a rule one in three or four bytes. */
const BYTES_PER_TOKEN = 2;
const UNPACKED = 4;

/** Bytes of memory: the tokenizer, and the ids of the text. */
export async function tokenizingMemory(params: Tokenizing, root: string): Promise<number> {
  return (await tokenizerMemory(params)) + PER_TOKEN * mostTokens(params, root);
}

/** How much of the text can be read in so many bytes. */
export async function fittingTokenizing(params: Tokenizing, bytes: number): Promise<string | undefined> {
  const limit = Math.floor((bytes - (await tokenizerMemory(params))) / PER_TOKEN);
  return limit > 0 ? `"tokenize": { "limit": ${limit} }, which reads only so many tokens` : undefined;
}

/** Bytes of the disk. */
export function tokenizingDisk(params: Tokenizing, root: string): Promise<number> {
  return Promise.resolve(STORED_TOKEN * mostTokens(params, root));
}

async function tokenizerMemory({ model }: Tokenizing): Promise<number> {
  const { vocabulary } = await configOf(model);
  return PROCESS_BYTES + PER_KNOWN_TOKEN * vocabulary;
}

function mostTokens({ corpus, limit }: Tokenizing, root: string): number {
  const { paths, bytes } = textOf(corpus, root);
  return Math.min(limit ?? Infinity, ((paths.some(isPacked) ? UNPACKED : 1) * bytes) / BYTES_PER_TOKEN);
}

function textOf(corpus: Tokenizing['corpus'], root: string): { paths: string[]; bytes: number } {
  const paths = corpus === null ? [] : textFiles(corpus, root).map(({ path }) => resolve(root, path));
  return { paths, bytes: paths.reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0) };
}

function isPacked(path: string): boolean {
  return path.endsWith('.gz');
}

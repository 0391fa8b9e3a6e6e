/** Tokenizers and texts that are made to hurt: each is told in one sentence, or read in bounded memory and time. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/base/json.ts';
import { ModelTokenizer, readTokenizer } from '../../src/model/model-tokenizer.ts';
import { readDocuments, type DocumentPiece } from '../../src/model/text-files.ts';
import { temporaryFile } from '../support/stage-job.ts';
import { referenceIds, TINY } from './tiny-model.ts';

type Edit = (json: {
  model: { vocab: Record<string, unknown>; merges: unknown[] };
  added_tokens: JsonObject[];
  pre_tokenizer: JsonObject;
}) => void;

/** The tiny model's tokenizer with something changed. */
async function tokenizerWith(edit: Edit): Promise<ModelTokenizer> {
  const json = JSON.parse(await readFile(`${TINY}/tokenizer.json`, 'utf8')) as Parameters<Edit>[0] & JsonObject;
  edit(json);
  return new ModelTokenizer('tokenizer.json', json, {});
}

const added = (id: unknown): JsonObject =>
  ({ id, content: '<x>', single_word: false, lstrip: false, rstrip: false, normalized: false }) as JsonObject;
const SPLIT: JsonObject = { type: 'Split', pattern: { Regex: ' ' }, invert: false };
const split = (pattern: string): JsonObject => ({
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
    { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
  ],
});

describe('a tokenizer is refused', () => {
  const failure = (message: RegExp) => ({
    failure: { kind: 'content', path: 'tokenizer.json', message: expect.stringMatching(message) as string },
  });

  it.each<[string, Edit, RegExp]>([
    ['an id below 0', (json) => json.added_tokens.push(added(-5)), /token "<x>" has the id -5, which is none/],
    ['an id that is no whole number', (json) => json.added_tokens.push(added(3.5)), /has the id 3.5/],
    ['an id beyond all vocabularies', (json) => json.added_tokens.push(added(4e9)), /has the id 4000000000/],
    ['an id that is a text', (json) => (json.model.vocab.the = '7'), /token "the" has the id "7"/],
    ['a merge of a token that is not there', (json) => json.model.merges.push(['q', '@@']), /needs the token "@@"/],
    ['a merge to a token that is not there', (json) => json.model.merges.push(['q', 'q']), /needs the token "qq"/],
    [
      'a way of splitting that is not known',
      (json) => (json.pre_tokenizer = { ...SPLIT, behavior: 'MergedWithNext' }),
      /Its Split has the behavior "MergedWithNext", and swp knows "Isolated" and "Removed"/,
    ],
    ['a merge of one token', (json) => json.model.merges.push('q'), /merge "q" is no pair of tokens/],
  ])('with %s', async (_, edit, message) => {
    await expect(tokenizerWith(edit)).rejects.toMatchObject(failure(message));
  });

  it('whose pattern comes to no end', async () => {
    const tokenizer = await tokenizerWith((json) => (json.pre_tokenizer = split('(a+)+$')));
    const encoding = new Promise(() => tokenizer.encode(`${'a'.repeat(60)}b`, 0.2));
    await expect(encoding).rejects.toMatchObject(
      failure(/^It does not come to an end with 61 characters of the text within 1 s/),
    );
    expect(tokenizer.encode('the')).toHaveLength(1);
  });
});

it('digits are those of all scripts, as for the reference implementation', async () => {
  const tokenizer = await readTokenizer(TINY);
  expect(['  ٣', 'a12²', 'x४ '].map((text) => tokenizer.encode(text))).toEqual([
    [434, 150, 97],
    [65, 17, 18, 127, 111],
    [88, 157, 99, 104, 221],
  ]);
});

it('steps cut as those of the reference implementation, also at white space that JavaScript does not know', async () => {
  const { cuts } = referenceIds();
  expect(cuts.length).toBeGreaterThan(10);
  for (const { step, text, ids } of cuts)
    expect((await tokenizerWith((json) => (json.pre_tokenizer = step))).encode(text), JSON.stringify(step)).toEqual(
      ids,
    );
});

it('a tokenizer with tokens of several words does not have its text cut', async () => {
  const pattern = String.raw`\p{L}+( \p{L}+)*|[^\p{L}]+`;
  expect((await tokenizerWith((json) => (json.pre_tokenizer = split(pattern)))).cut).toBeUndefined();
});

describe('a text', () => {
  const written = async (name: string, content: string | Buffer): Promise<string> => {
    const path = temporaryFile(name);
    await mkdir(path.slice(0, path.lastIndexOf('/')), { recursive: true });
    await writeFile(path, content);
    return path;
  };
  const pieces = async (path: string, field?: string): Promise<DocumentPiece[]> => {
    const found: DocumentPiece[] = [];
    for await (const piece of readDocuments(path, field, (await readTokenizer(TINY)).cut)) found.push(piece);
    return found;
  };
  const longest = (found: readonly DocumentPiece[]) => Math.max(...found.map(({ text }) => text.length));

  it.each([
    ['without spaces', '海浪拍打着船。'.repeat(60_000)],
    ['of lines of one letter', 'x\n'.repeat(200_000)],
    ['of one line', 'the white whale '.repeat(30_000)],
  ])('%s is read in pieces, with the ids of the whole, also as a line of JSON Lines', async (name, text) => {
    const found = await pieces(await written(`${name}.txt`, text));
    expect(found.map((piece) => piece.text).join('')).toBe(text);
    expect([found.length > 3, longest(found) < 70_000]).toEqual([true, true]);
    const lines = await pieces(await written(`${name}.jsonl`, `\n${JSON.stringify({ text })}\n`), 'text');
    expect(lines.map((piece) => piece.text)).toEqual(found.map((piece) => piece.text));
    expect(lines.map(({ last }) => last)).toEqual(found.map((_, index) => index === found.length - 1));
    const tokenizer = await readTokenizer(TINY);
    const start = text.slice(0, 3000);
    const place = tokenizer.cut!(start, 1000);
    expect([...tokenizer.encode(start.slice(0, place)), ...tokenizer.encode(start.slice(place))]).toEqual(
      tokenizer.encode(start),
    );
  });

  it.each([
    ['as it is', 'a.txt', 'a'.repeat(5_000_000)],
    ['as a bomb of gzip', 'b.txt.gz', gzipSync('a'.repeat(50_000_000))],
  ])('that can be cut nowhere is refused before it fills the memory, %s', async (_, name, content) => {
    await expect(pieces(await written(name, content))).rejects.toMatchObject({
      failure: { message: expect.stringMatching(/^It has more than 4,194,304 characters in a row/) as string },
    });
  });

  it('that a tokenizer takes as a whole is refused where it is too long', async () => {
    const path = await written('whole.txt', 'the whale '.repeat(500_000));
    const reading = async () => {
      for await (const _ of readDocuments(path, undefined)) void _;
    };
    await expect(reading()).rejects.toMatchObject({
      failure: { message: expect.stringMatching(/this tokenizer takes documents as a whole/) as string },
    });
  });
});

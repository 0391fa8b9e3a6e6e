/** The tokenizer in a GGUF file gives the ids of the tokenizer.json that it was made from. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readTokenizer } from '../../src/model/model-tokenizer.ts';
import { ggufFile, type GgufEntry } from '../model/gguf-writer.ts';
import { referenceIds, TINY } from './tiny-model.ts';

const path = join(tmpdir(), `swp-tokenizer-${process.pid}.gguf`);
afterAll(() => rm(path, { force: true }));

/** Writes the tiny tokenizer as llama.cpp's converter does; a change replaces an entry, undefined leaves it out. */
async function write(changes: Record<string, GgufEntry | undefined> = {}): Promise<void> {
  const { model } = JSON.parse(await readFile(`${TINY}/tokenizer.json`, 'utf8')) as {
    model: { vocab: Record<string, number>; merges: [string, string][] };
  };
  const tokens = Object.entries(model.vocab)
    .sort(([, a], [, b]) => a - b)
    .map(([token]) => token);
  const entries: GgufEntry[] = [
    ['tokenizer.ggml.model', 'STRING', 'gpt2'],
    ['tokenizer.ggml.pre', 'STRING', 'smollm'],
    ['tokenizer.ggml.tokens', 'STRING[]', tokens],
    ['tokenizer.ggml.merges', 'STRING[]', model.merges.map((pair) => pair.join(' '))],
    ['tokenizer.ggml.token_type', 'INT32[]', tokens.map((token) => (token === '<|endoftext|>' ? 3 : 1))],
    ['tokenizer.ggml.bos_token_id', 'UINT32', 0],
  ];
  const metadata = entries.flatMap((entry) => {
    const changed = Object.hasOwn(changes, entry[0]) ? changes[entry[0]] : entry;
    return changed === undefined ? [] : [changed];
  });
  await writeFile(path, ggufFile({ metadata }));
}

it('with its special tokens', async () => {
  await write();
  const tokenizer = await readTokenizer(path);
  for (const { text, ids } of referenceIds().samples) expect(tokenizer.encode(text)).toEqual(ids);
  expect(tokenizer.vocabulary).toBe(512);
  expect(tokenizer.startToken(null)).toEqual({ id: 0, content: '<|endoftext|>' });
});

it.each<[string, Record<string, GgufEntry | undefined>, RegExp]>([
  ['no tokenizer', { 'tokenizer.ggml.model': undefined }, /^It has no tokenizer/],
  [
    'one of another kind',
    { 'tokenizer.ggml.model': ['tokenizer.ggml.model', 'STRING', 'llama'] },
    /of the kind "llama"/,
  ],
  [
    'an unknown way to cut text',
    { 'tokenizer.ggml.pre': ['tokenizer.ggml.pre', 'STRING', 'mpt'] },
    /cuts text as "mpt"/,
  ],
  ['no merges', { 'tokenizer.ggml.merges': undefined }, /lacks "tokenizer.ggml.merges"/],
  [
    'a special token that is none',
    { 'tokenizer.ggml.bos_token_id': ['tokenizer.ggml.bos_token_id', 'UINT32', 512] },
    /bos token is 512, and the tokenizer has 512 tokens/,
  ],
])('a file with %s is refused', async (_, changes, message) => {
  await write(changes);
  await expect(readTokenizer(path)).rejects.toMatchObject({
    failure: { kind: 'content', path, message: expect.stringMatching(message) as string },
  });
});

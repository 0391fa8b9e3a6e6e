/** tokenize: the ids of the reference implementation, parts that share no token, and what it says of broken texts. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Corpus } from '../../src/generated/corpus.ts';
import type { TokenizeParams } from '../../src/generated/tokenize.ts';
import { ModelTokenizer, readTokenizer } from '../../src/model/model-tokenizer.ts';
import { divideText, PARTS } from '../../src/model/text-parts.ts';
import tokenize from '../../stages/tokenize.ts';
import { runStage, temporaryFile, type StageOutcome } from '../support/stage-job.ts';
import { referenceIds, TEXT, TINY } from './tiny-model.ts';

const run = (corpus: TokenizeParams['corpus'], params: Partial<TokenizeParams> = {}): Promise<StageOutcome> =>
  runStage(tokenize, { params: { model: TINY, corpus, ...params } });

const corpusOf = async ({ outputs }: StageOutcome): Promise<Corpus> =>
  JSON.parse(await readFile(outputs.corpus!, 'utf8')) as Corpus;

/** The ids as another program would read them: safetensors, U16. */
async function idsOf({ outputs }: StageOutcome): Promise<Record<string, number[]>> {
  const bytes = await readFile(outputs.tokens!);
  const length = Number(bytes.readBigUInt64LE());
  const { __metadata__: _, ...tensors } = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<
    string,
    { dtype: string; shape: [number]; data_offsets: [number, number] }
  >;
  return Object.fromEntries(
    Object.entries(tensors).map(
      ([
        part,
        {
          dtype,
          shape,
          data_offsets: [first, end],
        },
      ]) => {
        expect([dtype, end - first]).toEqual(['U16', 2 * shape[0]]);
        const ids = bytes.subarray(8 + length + first, 8 + length + end);
        return [part, Array.from({ length: shape[0] }, (_, index) => ids.readUInt16LE(2 * index))];
      },
    ),
  );
}

let folders = 0;
/** A folder with these files. */
async function folderOf(files: Record<string, string | Buffer>): Promise<string> {
  const folder = temporaryFile(`texts-${folders++}`);
  await mkdir(folder);
  for (const [name, content] of Object.entries(files)) await writeFile(`${folder}/${name}`, content);
  return folder;
}

describe('the ids', () => {
  it('are those of the reference implementation, also of a text that is read in pieces', async () => {
    const { count, whole, samples } = referenceIds();
    const tokenizer = await readTokenizer(TINY);
    for (const { text, ids } of samples) expect(tokenizer.encode(text)).toEqual(ids);
    const outcome = await run({ text: TEXT });
    const ids = await idsOf(outcome);
    const joined = PARTS.flatMap((part) => ids[part]!);
    expect(joined).toHaveLength(count);
    expect(joined.slice(-whole.length)).toEqual(whole);
    expect(outcome.progress.at(-1)).toMatchObject({ done: outcome.progress.at(-1)!.total });
  });

  it('are the same wherever a text is cut', async () => {
    const tokenizer = await readTokenizer(TINY);
    const text = (await readFile(TEXT, 'utf8')).slice(0, 6000);
    const ids = tokenizer.encode(text);
    fc.assert(
      fc.property(fc.nat(5000), (from) => {
        const place = tokenizer.cut!(text, from);
        expect([...tokenizer.encode(text.slice(0, place)), ...tokenizer.encode(text.slice(place))]).toEqual(ids);
      }),
      { numRuns: 40 },
    );
  });

  it('are cut nowhere by a tokenizer that makes something of where a text begins', async () => {
    const json = JSON.parse(await readFile(`${TINY}/tokenizer.json`, 'utf8')) as { pre_tokenizer: object };
    const metaspace = { ...json, pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first' } };
    expect(new ModelTokenizer('tokenizer.json', metaspace as never, {}).cut).toBeUndefined();
  });
});

describe('the parts', () => {
  it('of a long document follow one another, and the record has the digest of each', async () => {
    const outcome = await run({ text: TEXT });
    const { parts, tokens, by, start, documents } = await corpusOf(outcome);
    expect({ by, start, documents }).toEqual({
      by: 'pieces',
      start: { id: 0, content: '<|endoftext|>' },
      documents: 1,
    });
    expect(parts.map(({ part }) => part)).toEqual(PARTS);
    expect(parts.map(({ first }) => first)).toEqual([0, ...parts.slice(0, -1).map(({ end }) => end)]);
    expect(parts.at(-1)!.end).toBe(tokens);
    const ids = await idsOf(outcome);
    for (const { part, sha256, first, end } of parts) {
      expect(ids[part]).toHaveLength(end - first);
      expect(sha256).toBe(createHash('sha256').update(Uint16Array.from(ids[part]!)).digest('hex'));
      expect(outcome.metrics).toMatchObject({ [part]: end - first, [`${part}Sha256`]: sha256 });
    }
    expect(new Set(parts.map(({ sha256 }) => sha256)).size).toBe(PARTS.length);
  });

  it('of many documents have each in one part, and a copy of a document in none', async () => {
    const lines = Array.from(
      { length: 150 },
      (_, index) => `Chapter ${index}: the whale ${'swims '.repeat(index % 9)}`,
    );
    const jsonl = [...lines, lines[7]!, ''].map((text) => JSON.stringify({ text, kind: 1 })).join('\n');
    const folder = await folderOf({ 'a.jsonl.gz': gzipSync(jsonl), 'ignored.txt': 'no', 'b.jsonl': '\n' });
    const outcome = await run({ text: folder, field: 'text' });
    const { by, documents, repeated, parts } = await corpusOf(outcome);
    expect({ by, documents, repeated }).toEqual({ by: 'documents', documents: 150, repeated: 1 });
    expect(parts.reduce((sum, part) => sum + part.documents, 0)).toBe(150);
    const tokenizer = await readTokenizer(TINY);
    const ids = await idsOf(outcome);
    const placed = lines.map((line) => {
      const own = [...tokenizer.encode(line), 0].join();
      return PARTS.filter((part) => `,${ids[part]!.join()},`.includes(`,${own},`));
    });
    expect(placed.every((found) => found.length === 1)).toBe(true);
  });

  it('share no token and leave none out, whatever the documents and the shares', () => {
    const share = fc.double({ min: 0, max: 0.249, noNaN: true });
    const shares = fc.record({ calibration: share, candidates: share, causal: share, evaluation: share });
    const lengths = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 130 });
    const by = fc.constantFrom('documents', 'pieces', undefined);
    fc.assert(
      fc.property(lengths, shares, by, fc.nat(1000), (documents, wanted, how, seed) => {
        const { order, parts, by: used } = divideText(documents, { by: how, shares: wanted, seed });
        const total = documents.reduce((sum, length) => sum + length, 0);
        expect([...order].sort((a, b) => a - b)).toEqual(documents.map((_, index) => index));
        let place = 0;
        for (const { first, end } of parts) {
          expect(first).toBe(place);
          expect(end).toBeGreaterThanOrEqual(first);
          place = end;
        }
        expect(place).toBe(total);
        if (used === 'pieces')
          for (const { part, first, end } of parts.slice(1))
            expect(Math.abs(end - first - wanted[part as 'causal'] * total)).toBeLessThanOrEqual(1);
        else expect(parts.reduce((sum, part) => sum + part.documents, 0)).toBe(documents.length);
      }),
    );
  });
});

describe('what is no text is told in one sentence', () => {
  const failure = (message: RegExp) => ({
    failure: { kind: 'content', message: expect.stringMatching(message) as string },
  });

  it.each<[string, Record<string, string | Buffer>, string | undefined, RegExp]>([
    ['another encoding', { 'a.txt': Buffer.from([0x47, 0x72, 0xf6, 0xdf, 0x65]) }, undefined, /no text in UTF-8/],
    ['UTF-16', { 'a.txt': Buffer.from('whale', 'utf16le') }, undefined, /NUL character/],
    ['a pointer', { 'a.txt': 'version https://git-lfs.github.com/spec/v1\n' }, undefined, /pointer of Git LFS/],
    ['a broken archive', { 'a.txt.gz': gzipSync('whale'.repeat(99)).subarray(0, -9) }, undefined, /gzip, and damaged/],
    ['a line that is no JSON', { 'a.jsonl': '{"text":"a"}\nwhale\n' }, 'text', /^Line 2 is no JSON/],
    ['a line without the field', { 'a.jsonl': '{"text":1}' }, 'text', /^Line 1 has no text under "text"/],
    ['nothing', { 'a.txt': '' }, undefined, /There is no text in it/],
    ['a folder without a text', { 'a.md': 'whale' }, undefined, /No file in it has a name in \.txt or \.txt\.gz/],
  ])('%s', async (_, files, field, message) => {
    const text = await folderOf(files);
    await expect(run({ text, ...(field !== undefined && { field }) })).rejects.toMatchObject(failure(message));
  });

  it('a tokenizer with more tokens than the model has, or without a token to start with', async () => {
    const files = Object.fromEntries(
      await Promise.all(
        ['tokenizer.json', 'config.json'].map(
          async (name) => [name, await readFile(`${TINY}/${name}`, 'utf8')] as const,
        ),
      ),
    );
    const model = await folderOf(files);
    const withModel = (params: Partial<TokenizeParams>) => run({ text: TEXT }, { model, ...params });
    await expect(withModel({})).rejects.toMatchObject(failure(/neither a BOS nor an EOS token/));
    await expect(withModel({ start: '<s>' })).rejects.toMatchObject(failure(/no token "<s>"/));
    await writeFile(`${model}/config.json`, files['config.json']!.replace('512', '511'));
    await expect(withModel({ start: '<|endoftext|>' })).rejects.toMatchObject(
      failure(/^It has 512 tokens, and the model's vocabulary is 511/),
    );
  });
});

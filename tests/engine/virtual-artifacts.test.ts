/** Virtual artifacts: what they are made of is kept in their place, and consumers notice nothing. */
import { createHash } from 'node:crypto';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { collectGarbage } from '../../src/cache/garbage-collection.ts';
import { verifyCache } from '../../src/verify/verify-cache.ts';
import { Rig, type ToyRun, type ToyStudy } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(() => rig.remove());

const joined = (from: string, end: string): ToyStudy[string] => ({ stage: 'joined', from, params: { end } });
/** J is made of A, K of J; T reads whole files only. */
const study: ToyStudy = {
  A: { stage: 'count', params: { to: 3 } },
  J: joined('A', '-first'),
  K: joined('J', '-second'),
  T: { from: 'K' },
};

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

function recordOf(run: ToyRun, stage: string, end?: string) {
  const found = [...run.result.records.values()].find(
    (record) =>
      record.stage === stage && (end === undefined || (record.preimage.params as { end: string }).end === end),
  );
  return found!;
}

it('has the digest of the file that it would be, is not stored, and is made for whoever reads whole files', async () => {
  const run = await rig.run(study);
  expect(run.ran).toEqual(['A', 'J', 'K', 'T']);
  const source = await run.read('A');
  expect(await run.read('T')).toBe(`${source}-first-secondT`);
  const { text, end } = recordOf(run, 'joined', '-second').artifacts;
  const whole = `${source}-first-second`;
  expect(text).toMatchObject({ sha256: sha256(whole), bytes: whole.length, file: 'joined.txt', evictable: true });
  expect(text!.madeOf).toMatchObject({
    form: 'joined',
    stage: 'joined',
    parts: { start: { sha256: sha256(`${source}-first`), madeOf: { form: 'joined' } }, end },
  });
  expect([rig.cache.hasFile(text!), rig.cache.hasArtifact(text!)]).toEqual([false, true]);
  expect((await verifyCache(rig.cache)).damages).toEqual([]);
  expect((await rig.run(study)).result).toMatchObject({ cached: 4, ran: 0 });
});

it('counts as evicted when a part is, and what makes the part makes it be there again', async () => {
  const first = await rig.run(study);
  await rm(rig.cache.artifactPath(recordOf(first, 'count').artifacts.text!));
  await rig.reopen();
  expect((await rig.run(study)).ran).toEqual([]);
  const run = await rig.run({ ...study, U: { from: 'K' } });
  expect(run.ran).toEqual(['A', 'U']);
  expect(await run.read('U')).toBe(`${await run.read('A')}-first-secondU`);
});

it('of which a part is damaged: it is named once, put aside, and computed again', async () => {
  const first = await rig.run(study);
  const path = rig.cache.artifactPath(recordOf(first, 'count').artifacts.text!);
  const content = await readFile(path, 'utf8');
  await chmod(path, 0o644);
  await writeFile(path, content.replace(/.$/, '-'));
  await rig.reopen();
  const run = await rig.run({ ...study, U: { from: 'K' } });
  expect(run.result.warnings).toMatchObject([{ kind: 'content', path }]);
  expect(run.ran).toEqual(['A', 'U']);
  expect(await run.read('U')).toBe(`${content}-first-secondU`);
});

it('keeps its parts where gc keeps it', async () => {
  const run = await rig.run(study);
  const kept = recordOf(run, 'joined', '-second').key;
  await collectGarbage(rig.cache, { keep: new Set([kept]) }, false);
  expect(rig.cache.hasArtifact(recordOf(run, 'joined', '-second').artifacts.text!)).toBe(true);
  await collectGarbage(rig.cache, { keep: new Set(['0'.repeat(64)]) }, false);
  expect(rig.cache.hasArtifact(recordOf(run, 'joined', '-second').artifacts.text!)).toBe(false);
});

it('may be made of a file outside of the cache, wherever the study has it now', async () => {
  const outside = (file: string): ToyStudy => ({
    J: { stage: 'joined', params: { end: '-first', file: rig.path(file) } },
    T: { from: 'J', params: { say: file } },
  });
  await writeFile(rig.path('here'), 'source');
  const [first] = [...(await rig.run(outside('here'))).result.records.values()];
  expect(first!.artifacts.text!.madeOf!.parts.start).toEqual({
    ...{ sha256: sha256('source'), bytes: 6, file: 'data', external: true },
  });
  await rm(rig.path('here'));
  await writeFile(rig.path('there'), 'source');
  await rig.reopen();
  const moved = await rig.run(outside('there'));
  expect(await moved.read('T')).toBe('source-firstthere');
});

it.each([
  ['changes', 'has 13 bytes instead of 6'],
  ['rewrites', 'was written to'],
])('whose file outside of the cache a consumer sees change records nothing: %s', async (deed, change) => {
  await writeFile(rig.path('here'), 'source');
  const joined: ToyStudy[string] = { stage: 'joined', params: { end: '-first', file: rig.path('here') } };
  await rig.run({ J: joined });
  const { result } = await rig.run({ J: joined, T: { from: 'J', params: { [deed]: rig.path('here') } } });
  expect(result.failures).toMatchObject([{ failure: { kind: 'file-changed', path: rig.path('here'), change } }]);
  expect(await rig.cache.record(result.failures[0]!.key)).toBeUndefined();
});

it('is refused where its parts do not make what it stands for', async () => {
  const run = await rig.run({ ...study, K: { stage: 'joined', from: 'J', params: { end: '-second', lie: '!' } } });
  expect(run.ended('failed')).toEqual(['T']);
  expect(run.result.failures).toMatchObject([
    {
      failure: {
        kind: 'stage',
        cause: {
          kind: 'content',
          message: expect.stringMatching(/^It was made of the parts that stage joined recorded/) as string,
        },
      },
    },
  ]);
});

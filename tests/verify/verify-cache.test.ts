/**
 * What is stored is what was measured: a record that somebody changed, however well, is found by verify, put aside, and
 * computed again.
 */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestJson } from '../../src/base/digest.ts';
import { Cache } from '../../src/cache/cache.ts';
import { collectGarbage } from '../../src/cache/garbage-collection.ts';
import type { CacheRecord } from '../../src/cache/record.ts';
import { problemsOf } from '../../src/verify/record-checks.ts';
import { verifyCache, type Verification } from '../../src/verify/verify-cache.ts';
import { Rig, type ToyStudy } from '../engine/rig.ts';
import { runToysHere } from '../engine/toys-here.ts';
import { reseal } from '../support/reseal.ts';

const STUDY: ToyStudy = {
  A: { params: { say: 'one' } },
  B: { params: { say: 'other' } },
  C: { from: 'A', params: { say: '!' } },
  D: { from: 'A', params: { say: '?' } },
};

let rig: Rig;
let records: Record<string, CacheRecord>;
beforeEach(async () => {
  rig = await Rig.create();
  await runToysHere(rig, STUDY);
  records = await recordsNow();
});
afterEach(() => rig.remove());

const recordsNow = async () => {
  const planned = await rig.plan(STUDY);
  return Object.fromEntries(Object.keys(STUDY).map((place) => [place, planned.at(place).record!]));
};
const pathOf = (place: string) => rig.cache.recordPath(records[place]!.key);
const verify = async (installed = ['text']): Promise<Verification> =>
  verifyCache(await Cache.open(rig.cache.directory), { installed: new Set(installed) });
const damagesOf = async () => (await verify()).damages.map(({ path, message }) => [path, message]);
/** What was put aside is computed again, to the same bits. */
async function expectHealed() {
  await rig.reopen();
  expect((await runToysHere(rig, STUDY)).result).toMatchObject({ failed: 0, blocked: 0 });
  const now = await recordsNow();
  for (const place of Object.keys(STUDY)) expect(now[place]!.artifacts).toEqual(records[place]!.artifacts);
  expect(await damagesOf()).toEqual([]);
}

describe('a record', () => {
  it('with a digit of a metric changed serves nothing, and is named', async () => {
    const text = await readFile(pathOf('A'), 'utf8');
    await writeFile(pathOf('A'), text.replace('"size":3', '"size":4'));
    const { warnings, at } = await rig.plan(STUDY);
    expect(warnings).toMatchObject([{ kind: 'content', path: pathOf('A') }]);
    expect(at('A')).toMatchObject({ state: 'missing' });
    expect(await damagesOf()).toEqual([[pathOf('A'), 'its checksum is not that of its content']]);
    await expectHealed();
  });

  it.each<[string, (record: CacheRecord) => void, RegExp]>([
    ['another key', (record) => (record.preimage.code = 'other'), /^its key is not the hash of its pre-image$/],
    ['another content', (record) => (record.contentPreimage.code = 'other'), /^its content key is not the hash/],
    ['another stage', (record) => (record.stage = 'list'), /^it calls itself list, and its pre-image says text$/],
    [
      'pre-images of two recipes',
      (record) => {
        record.contentPreimage.code = 'other';
        record.contentKey = digestJson(record.contentPreimage);
      },
      /^its two pre-images differ in "code"$/,
    ],
    [
      'other inputs',
      (record) => {
        record.contentPreimage.inputs = {};
        record.contentKey = digestJson(record.contentPreimage);
      },
      /^its two pre-images have different inputs$/,
    ],
  ])('forged to be of %s, with a checksum that fits', async (_, change, message) => {
    await reseal(pathOf('C'), (content) => void change(content as unknown as CacheRecord));
    expect(await damagesOf()).toEqual([[pathOf('C'), expect.stringMatching(message)]]);
    await expectHealed();
  });

  it('that names the artifact of another node contradicts those that were made of its own', async () => {
    await reseal<CacheRecord>(pathOf('A'), ({ artifacts }) => void (artifacts.text = records.B!.artifacts.text!));
    const found = await damagesOf();
    expect(found).toContainEqual([pathOf('A'), 'the records that were made of it say that it made something else']);
    expect(found).toContainEqual([
      pathOf('C'),
      expect.stringMatching(/^its input "from" was [0-9a-f]{12}; "text" of /),
    ]);
    await expectHealed();
  });

  it('that names the artifact of another node is put aside, although those agree that use what else it made', async () => {
    await runToysHere(rig, { ...STUDY, E: { from: 'A.size' }, F: { from: 'A.size', and: 'A.size' } });
    await reseal<CacheRecord>(pathOf('A'), ({ artifacts }) => void (artifacts.text = records.B!.artifacts.text!));
    expect((await damagesOf()).map(([path]) => path).sort()).toEqual(['A', 'C', 'D'].map(pathOf).sort());
    await expectHealed();
  });

  it('that says that it consumed something else is put aside alone, where others agree with its producer', async () => {
    const { sha256 } = records.B!.artifacts.text!;
    await reseal<CacheRecord>(pathOf('C'), (content) => {
      (content.contentPreimage.inputs as Record<string, { sha256: string }>).from!.sha256 = sha256;
      content.contentKey = digestJson(content.contentPreimage);
    });
    expect((await damagesOf()).map(([path]) => path)).toEqual([pathOf('C')]);
    await expectHealed();
  });

  it('agrees with an earlier one of its producer: results that were made of other bits stay', async () => {
    const other = rig.path('cache/records', records.A!.key.slice(0, 2), `${records.A!.key}.0123456789ab.json`);
    await writeFile(other, await readFile(pathOf('A')));
    await reseal<CacheRecord>(pathOf('A'), ({ artifacts }) => void (artifacts.text = records.B!.artifacts.text!));
    expect(await damagesOf()).toEqual([]);
  });

  it('whose metric is not what its artifact says is put aside, if swp itself knows the two to be one', async () => {
    await rig.reopen();
    const folder = await rig.cache.scratch.node();
    await writeFile(join(folder, 'size.json'), JSON.stringify({ size: 7 }));
    const { checksum: _, artifacts, ...rest } = records.A!;
    await rig.cache.publish({
      ...rest,
      startedAt: new Date(0),
      finishedAt: new Date(0),
      outputs: {
        size: { path: join(folder, 'size.json'), file: 'size.json' },
        text: { path: await copyOf(rig.cache.artifactPath(artifacts.text!), folder), file: 'text.txt' },
      },
    });
    expect((await verify([])).damages).toEqual([]);
    expect(await damagesOf()).toEqual([[pathOf('A'), 'its metric "size" is 3; its artifact "size" says 7']]);
    await expectHealed();
  });

  it('of an earlier version serves nothing, is no damage, and keeps its artifacts', async () => {
    const { checksum: _, ...content } = records.A!;
    await writeFile(pathOf('A'), JSON.stringify({ ...content, version: 1 }));
    expect(await verify()).toMatchObject({ records: 4, otherVersions: 1, damages: [] });
    const { warnings, at } = await rig.plan(STUDY);
    expect([warnings, at('A').state]).toEqual([[], 'missing']);
    const collected = await collectGarbage(rig.cache, { keep: new Set() }, true);
    expect(collected).toMatchObject({ damagedRecords: 0, removed: [] });
    await expectHealed();
  });

  it('of a later version is left where it is, and so is what it may refer to', async () => {
    await reseal(pathOf('A'), (content) => ({ ...content, version: 3, metrics: 'of a form that nobody knows' }));
    expect(await verify()).toMatchObject({ otherVersions: 1, damages: [] });
    expect((await rig.plan(STUDY)).at('A').state).toBe('missing');
    expect(await collectGarbage(rig.cache, { keep: new Set() }, true)).toMatchObject({ damagedRecords: 1 });
  });
});

it.each<[string, object]>([
  ['nothing in it', {}],
  ['a number that is too large', { params: { rate: 1e999 } }],
  ['half of a character', { params: { word: '\ud83e' } }],
  ['inputs that are none', { stage: 'text', params: {}, inputs: { from: 7 }, gathers: {} }],
  ['gathered items that are none', { stage: 'text', params: {}, inputs: {}, gathers: { all: [null] } }],
])('a pre-image with %s, as a forged bundle may have, is a problem and no bug', (_, preimage) => {
  const forged = { ...records.A!, preimage: preimage as CacheRecord['preimage'] };
  for (const key of [forged.key, digestOrNothing(forged.preimage)])
    expect(problemsOf({ ...forged, key, contentPreimage: forged.preimage, contentKey: key })).not.toEqual([]);
});

it('one that is replaced while it is damaged goes to damaged/, and a whole one stays beside', async () => {
  await writeFile(pathOf('A'), '{');
  await rig.reopen();
  await runToysHere(rig, STUDY);
  expect(await readdir(rig.path('cache/damaged'))).toHaveLength(1);
  expect(await damagesOf()).toEqual([]);
});

async function copyOf(path: string, folder: string): Promise<string> {
  const copy = join(folder, 'text.txt');
  await writeFile(copy, await readFile(path));
  return copy;
}

function digestOrNothing(preimage: CacheRecord['preimage']): string {
  try {
    return digestJson(preimage);
  } catch {
    return '';
  }
}

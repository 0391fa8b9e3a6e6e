/**
 * Damage of one file of a cache is damage of that file alone: whatever stands in its place, every command goes on,
 * verify names it, and after the next run the results are byte for byte what they were. It needs no more than `npm ci`,
 * but takes long.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SwpError } from '../../src/base/failure.ts';
import { sealedJson } from '../../src/base/sealed-json.ts';
import { readAcceptances, writeAcceptances } from '../../src/cache/accepted-code.ts';
import { Cache } from '../../src/cache/cache.ts';
import { collectGarbage } from '../../src/cache/garbage-collection.ts';
import { parseStoredRecord } from '../../src/cache/record.ts';
import { addToHistory, latestFailures, readHistory } from '../../src/cache/run-history.ts';
import { readSettledPlan, writeSettledPlan } from '../../src/cache/settled-plan.ts';
import { studyFolder } from '../../src/cache/study-state.ts';
import { verifyCache } from '../../src/verify/verify-cache.ts';
import { runToysHere } from '../engine/toys-here.ts';
import { Rig, type ToyStudy } from '../engine/rig.ts';

const STUDY: ToyStudy = {
  A: { params: { say: 'a' } },
  B: { stage: 'count', from: 'A', params: { to: 3 } },
  L: { stage: 'list', all: ['A', 'B'] },
};

let rig: Rig;
let pristine: string;
let fifo: string;
/** Contents of all artifacts, by place and name. */
let results: Record<string, string>;
/** One file of each kind that a cache holds, relative to it. */
let stored: Record<string, string>;

beforeAll(async () => {
  rig = await Rig.create();
  fifo = rig.path('fifo');
  execFileSync('mkfifo', [fifo]);
  const { result } = await run();
  const { directory } = rig.cache;
  const home = studyFolder(directory, rig.path('pipeline.json'));
  const { record } = (await rig.plan(STUDY)).at('A');
  await (await rig.study()).dismiss({ id: '00000000-0000-4000-8000-000000000000', key: record!.key }, ['A/s0/r0/x']);
  await writeAcceptances(
    home,
    [{ stage: 's', path: 'code', from: 'a', to: 'b', why: '', who: '', at: '' }],
    rig.cache.scratch,
  );
  await addToHistory(
    home,
    {
      startedAt: '2026-01-01T00:00:00.000Z',
      seconds: 1,
      profile: 'all',
      selectors: [],
      counts: { total: 3, cached: 0, ran: 3, failed: 0, blocked: 0 },
      user: 'ann',
      host: 'here',
      pid: 1,
      git: null,
      nodes: [{ place: 'A/s0/r0/step', key: record!.key, outcome: 'ran', seconds: 1 }],
    },
    rig.cache.scratch,
  );
  await writeSettledPlan(
    rig.cache,
    home,
    'all',
    { basis: 'b', watched: {}, summary: { total: 3 } },
    result.records.values(),
  );
  const [trajectory] = namesUnder(join(directory, 'trajectories')).map((name) => name.split('/')[1]!);
  const folder = await rig.cache.scratch.node();
  writeFileSync(join(folder, 'text'), 'state');
  await rig.cache.trajectories.keep(
    trajectory!,
    { at: 4, files: { text: join(folder, 'text') }, replaces: null },
    folder,
  );
  await rig.cache.scratch.clear();
  const path = (place: string, artifact: string) => {
    const made = [...result.records.values()].find(
      ({ stage }) => stage === { A: 'text', B: 'count', L: 'list' }[place],
    )!;
    return rig.cache.artifactPath(made.artifacts[artifact]!).slice(directory.length + 1);
  };
  const all = namesUnder(directory);
  const named = (pattern: RegExp) => all.find((name) => pattern.test(name))!;
  stored = {
    record: rig.cache.recordPath(record!.key).slice(directory.length + 1),
    'artifact that is kept for ever': path('A', 'size'),
    'artifact that may be evicted': path('B', 'text'),
    'results artifact': path('L', 'list'),
    'content note': named(/^contents\//),
    'trajectory stop': named(/stop-3\.json$/),
    'checkpoint manifest': named(/manifest\.json$/),
    ledger: named(/ledger\.json$/),
    tombstone: named(/tombstones\//),
    'accepted code': named(/accepted\.json$/),
    'run history': named(/history\//),
    'settled plan': named(/settled-/),
    log: named(/^logs\//),
    version: 'version',
    'note to backup programs': 'CACHEDIR.TAG',
  };
  pristine = rig.path('pristine');
  cpSync(directory, pristine, { recursive: true, preserveTimestamps: true });
  results = contentsOf(result.records);
});
afterAll(() => rig.remove());

/** Each makes something else of the file; `was` is its content. */
const DAMAGES: Record<string, (path: string, was: Buffer) => void> = {
  'a folder': (path) => mkdirSync(join(path, 'inner'), { recursive: true }),
  'a link in a circle': (path) => symlinkSync(path, path),
  'a link to nowhere': (path) => symlinkSync(`${path}-nowhere`, path),
  'a link to a file of the same content': (path, was) => {
    writeFileSync(`${path}~`, was);
    symlinkSync(`${path}~`, path);
  },
  'a FIFO': (path) => linkSync(fifo, path),
  'an empty file': (path) => writeFileSync(path, ''),
  'half of it': (path, was) => writeFileSync(path, was.subarray(0, was.length / 2)),
  noise: (path) => writeFileSync(path, Buffer.from(Array.from({ length: 999 }, (_, index) => (index * 7919) % 256))),
  'lists in lists': (path) => writeFileSync(path, '['.repeat(20_000) + ']'.repeat(20_000)),
  'lists in lists, sealed': (path) =>
    writeFileSync(
      path,
      sealedJson({ version: 2, a: 1 }).replace('"a":1', `"a":${'['.repeat(20_000)}${']'.repeat(20_000)}`),
    ),
  'numbers that are too large': (path) => writeFileSync(path, '{"version":2,"key":1e999,"places":{"a":1e999}}'),
  'names of an object’s own': (path) =>
    writeFileSync(path, sealedJson({ version: 2, constructor: [], toString: null }).replace('toString', '__proto__')),
  'a gigabyte of nothing': (path) => {
    writeFileSync(path, '');
    truncateSync(path, 2 ** 30);
  },
  'one flipped bit': (path, was) => {
    was[Math.floor(was.length / 3)]! ^= 1;
    writeFileSync(path, was);
  },
  'one flipped bit at its beginning': (path, was) => {
    was[was.indexOf('"version":') === -1 ? 0 : was.indexOf('"version":') + 10]! ^= 2;
    writeFileSync(path, was);
  },
};

/** Of these, whoever comes before verify finds the damage itself, or writes in its place. */
const MET_BY_A_RUN = [
  'version',
  'record',
  'artifact that is kept for ever',
  'content note',
  'trajectory stop',
  'ledger',
];

/** A log is text for people: only what is no file in its place is damage. */
const isUnnoticed = (kind: string, damage: string) =>
  kind === 'log' && !['a folder', 'a link', 'a FIFO'].some((strange) => damage.startsWith(strange));

describe.each(Object.keys(DAMAGES))('%s in the place of', (damage) => {
  it('each kind of file', async () => {
    for (const kind of Object.keys(stored)) {
      const path = spoil(stored[kind]!, DAMAGES[damage]!);
      await readEverything(kind);
      if (MET_BY_A_RUN.includes(kind)) {
        expect((await run()).result, `repro beside a damaged ${kind}`).toMatchObject({ failed: 0, blocked: 0 });
        spoil(stored[kind]!, DAMAGES[damage]!);
      }
      const { damages } = await verifyCache(await Cache.open(rig.cache.directory));
      const named = damages.map((each) => each.path);
      if (!isUnnoticed(kind, damage)) expect(named, `verify beside a damaged ${kind}`).toContain(path);
      const healed = await run();
      expect(healed.result).toMatchObject({ failed: 0, blocked: 0 });
      expect(contentsOf(healed.result.records), `results after a damaged ${kind}`).toEqual(results);
      expect((await verifyCache(await Cache.open(rig.cache.directory))).damages, `after a damaged ${kind}`).toEqual([]);
    }
  });
});

it('a file in the place of a folder is put aside by whoever writes there, and named by verify', async () => {
  const shardOf = (kind: string) => dirname(stored[kind]!);
  const places = {
    'in its way': ['record', 'artifact that is kept for ever', 'content note', 'trajectory stop', 'ledger'].map(
      shardOf,
    ),
    'of everything': ['records', 'artifacts', 'contents', 'trajectories', 'studies'],
    'that a run does not write to': [dirname(shardOf('trajectory stop')), shardOf('tombstone'), shardOf('run history')],
  };
  for (const name of Object.values(places).flat()) {
    const fill = () => {
      restore();
      const path = join(rig.cache.directory, name);
      rmSync(path, { recursive: true });
      writeFileSync(path, 'no folder');
      return path;
    };
    fill();
    await rig.reopen();
    const { result } = await run();
    expect(result, name).toMatchObject({ failed: 0, blocked: 0 });
    expect(contentsOf(result.records), name).toEqual(results);
    const path = fill();
    const { damages } = await verifyCache(await Cache.open(rig.cache.directory));
    expect(damages.map((each) => each.path)).toContain(path);
    await rig.reopen();
    expect(contentsOf((await run()).result.records), name).toEqual(results);
    expect((await verifyCache(await Cache.open(rig.cache.directory))).damages, name).toEqual([]);
  }
});

it('a checkpoint whose state has changed is named by verify', async () => {
  const folder = join(rig.cache.directory, dirname(stored['checkpoint manifest']!));
  restore();
  writeFileSync(join(folder, 'text'), 'State');
  const verify = async () => (await verifyCache(await Cache.open(rig.cache.directory))).damages;
  expect(await verify()).toMatchObject([{ path: folder, message: 'its state is not what its manifest says' }]);
  expect(await verify()).toEqual([]);
});

it('any changed byte of a record is noticed: it is never served', () => {
  const path = join(pristine, stored.record!);
  const text = readFileSync(path);
  const key = /([0-9a-f]{64})\.json$/.exec(path)![1]!;
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(text);
      changed[at]! ^= change;
      expect(() => parseStoredRecord(changed.toString('utf8'), path, key)).toThrow(SwpError);
    }),
    { numRuns: 3_000 },
  );
});

it('a stop that its note places elsewhere on the trajectory is not gone on from', async () => {
  restore();
  const path = join(rig.cache.directory, stored['trajectory stop']!);
  rmSync(dirname(join(rig.cache.directory, stored['checkpoint manifest']!)), { recursive: true });
  cpSync(path, path.replace('stop-3', 'stop-5'));
  await rig.reopen();
  const further = await run({ ...STUDY, C: { stage: 'count', from: 'A', params: { to: 6 } } });
  const start = further.events.find((event) => event.event === 'node-start' && event.label.experiment === 'C');
  expect(start).toMatchObject({ resumedAt: 3 });
});

function restore(): void {
  rmSync(rig.cache.directory, { recursive: true, force: true });
  cpSync(pristine, rig.cache.directory, { recursive: true, preserveTimestamps: true });
}

/** @returns the path of the file, which is another now */
function spoil(name: string, damage: (path: string, was: Buffer) => void): string {
  restore();
  const path = join(rig.cache.directory, name);
  const was = readFileSync(path);
  rmSync(path);
  damage(path, was);
  return path;
}

/** What status, show, metrics, history and gc --dry-run read. Of accepted code, whoever needs it says what to do. */
async function readEverything(kind: string): Promise<void> {
  const cache = await Cache.open(rig.cache.directory);
  await rig.reopen();
  const { nodes } = await rig.plan(STUDY);
  for (const { node } of nodes.values())
    await cache
      .record(node.key)
      .catch((error: unknown) => expect(error).toMatchObject({ failure: { kind: 'content' } }));
  const home = studyFolder(cache.directory, rig.path('pipeline.json'));
  latestFailures(readHistory(home));
  readSettledPlan(cache.directory, home, 'all', 'b', () => '');
  await collectGarbage(cache, { keep: new Set() }, true);
  await cache.scratch.clear();
  if (kind === 'accepted code')
    expect(() => readAcceptances(home)).toThrow(
      expect.objectContaining({ failure: expect.objectContaining({ kind: 'content' }) as unknown }) as Error,
    );
  else expect(readAcceptances(home)).toHaveLength(1);
}

async function run(study = STUDY) {
  await rig.reopen();
  return runToysHere(rig, study);
}

/** Of what may be evicted, and is gone, the content that it had. */
function contentsOf(records: Awaited<ReturnType<Rig['run']>>['result']['records']): Record<string, string> {
  return Object.fromEntries(
    [...records.values()].flatMap(({ stage, artifacts }) =>
      Object.entries(artifacts).map(([name, artifact]) => {
        const path = rig.cache.artifactPath(artifact);
        const isEvicted = artifact.evictable === true && !existsSync(path);
        return [`${stage} ${name}`, isEvicted ? results[`${stage} ${name}`]! : readFileSync(path, 'utf8')];
      }),
    ),
  );
}

function namesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

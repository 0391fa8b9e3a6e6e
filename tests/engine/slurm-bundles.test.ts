/** What becomes one Slurm job, what it waits for, and what people call it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cutIntoBundles, type Bundle, type CutOptions } from '../../src/engine/executors/slurm/bundles.ts';
import type { PlannedNode } from '../../src/engine/node.ts';
import { placeOf } from '../../src/engine/stage.ts';
import { openProject } from '../../src/project/project.ts';
import { Rig, type ToyStudy } from './rig.ts';

interface Settings {
  partition: string;
}

let rig: Rig;
beforeAll(async () => void (rig = await Rig.create()));
afterAll(() => rig.remove());

async function nodesOf(study: ToyStudy): Promise<PlannedNode[]> {
  const { dag } = await rig.build(study);
  return dag.mapNodes((_, node) => node);
}

/** Everything takes ten minutes on the partition `gpu`, unless a test says otherwise. */
async function cut(study: ToyStudy, options: Partial<CutOptions<Settings>> = {}): Promise<Bundle<Settings>[]> {
  return cutIntoBundles(await nodesOf(study), {
    rule: 'run',
    settingsOf: () => ({ partition: 'gpu' }),
    secondsOf: () => 600,
    ...options,
  });
}

/** What a person sees of bundles: `name: places <- what it waits for`. */
function shown(bundles: readonly Bundle<object>[]): string[] {
  return bundles.map(({ name, places, after }) => {
    const awaited = after.map((each) => (typeof each === 'number' ? bundles[each]!.name : each));
    return `${name}: ${places.join(' ')}${awaited.length === 0 ? '' : ` <- ${awaited.join('; ')}`}`;
  });
}

const at = (node: PlannedNode) => placeOf(node.labels[0]!);

/** Two runs with the same start and first training, and a report over both. */
const TWO_RUNS: ToyStudy = {
  'A1/s0/r0/init': { params: { say: 'init' } },
  'A2/s0/r0/init': { params: { say: 'init' } },
  'A1/s0/r1/train': { from: 'A1/s0/r0/init', params: { say: 'train' } },
  'A2/s0/r1/train': { from: 'A2/s0/r0/init', params: { say: 'train' } },
  'A1/s0/r1/prune': { from: 'A1/s0/r1/train', params: { say: '10 %' } },
  'A2/s0/r1/prune': { from: 'A2/s0/r1/train', params: { say: '20 %' } },
  'A1/s0/r2/train': { from: 'A1/s0/r1/prune', params: { say: 'again' } },
  'A2/s0/r2/train': { from: 'A2/s0/r1/prune', params: { say: 'again' } },
  '*/s0/r0/aggregate': { stage: 'list', all: ['A1/s0/r2/train', 'A2/s0/r2/train', 'A1/s0/r1/train'] },
};

describe('by run', () => {
  it('what runs share is a bundle of those, and each has its own; what gathers comes last', async () => {
    expect(shown(await cut(TWO_RUNS))).toEqual([
      'A1, A2/s0: A1/s0/r0/init A1/s0/r1/train',
      'A1/s0: A1/s0/r1/prune A1/s0/r2/train <- A1, A2/s0',
      'A2/s0: A2/s0/r1/prune A2/s0/r2/train <- A1, A2/s0',
      'aggregate: */s0/r0/aggregate <- A1/s0; A2/s0',
    ]);
  });

  it('a chain is cut where the settings change', async () => {
    const settingsOf = (node: PlannedNode) => ({ partition: at(node).endsWith('prune') ? 'cpu' : 'gpu' });
    const bundles = await cut(TWO_RUNS, { settingsOf });
    expect(shown(bundles)).toEqual([
      'A1, A2/s0: A1/s0/r0/init A1/s0/r1/train',
      'A1/s0/r1: A1/s0/r1/prune <- A1, A2/s0',
      'A2/s0/r1: A2/s0/r1/prune <- A1, A2/s0',
      'A1/s0/r2: A1/s0/r2/train <- A1/s0/r1',
      'A2/s0/r2: A2/s0/r2/train <- A2/s0/r1',
      'aggregate: */s0/r0/aggregate <- A1/s0/r2; A2/s0/r2',
    ]);
    expect(bundles.map(({ settings }) => settings.partition)).toEqual(['gpu', 'cpu', 'cpu', 'gpu', 'gpu', 'gpu']);
  });

  it('the settings of a bundle are completed once its nodes are known', async () => {
    const settingsFor = ({ partition }: Settings, { length }: readonly PlannedNode[]) => ({
      partition: `${partition} for ${length}`,
    });
    const bundles = await cut(TWO_RUNS, { settingsFor });
    expect(bundles.map(({ settings }) => settings.partition)).toEqual([
      'gpu for 2',
      'gpu for 2',
      'gpu for 2',
      'gpu for 1',
    ]);
  });

  it('says how long a bundle takes where that is known of all its nodes', async () => {
    const secondsOf = (node: PlannedNode) => (at(node) === 'A1/s0/r2/train' ? undefined : 100);
    expect((await cut(TWO_RUNS, { secondsOf })).map(({ seconds }) => seconds)).toEqual([200, null, 200, 100]);
  });

  it('those with most behind them come first, as long as they wait for as little', async () => {
    const study: ToyStudy = {
      A: {},
      B: {},
      C: { from: 'A' },
      'B/s0/r1/train': { from: 'B' },
      'B/s0/r2/train': { from: 'B/s0/r1/train' },
    };
    const secondsOf = (node: PlannedNode) => (at(node).startsWith('B') ? 6000 : 600);
    expect((await cut(study, { secondsOf })).map(({ name }) => name)).toEqual(['B/s0', 'A, C/s0', 'C/s0']);
  });
});

describe('what is shared and short', () => {
  const secondsOf = (node: PlannedNode) => (at(node).endsWith('init') ? 40 : 600);

  it('goes into every bundle that needs it', async () => {
    const study: ToyStudy = {
      'A1/s0/r0/init': { params: { say: 'init' } },
      'A2/s0/r0/init': { params: { say: 'init' } },
      'A1/s0/r1/train': { from: 'A1/s0/r0/init' },
      'A2/s0/r1/train': { from: 'A2/s0/r0/init' },
    };
    expect(shown(await cut(study, { secondsOf }))).toEqual([
      'A1/s0: A1/s0/r0/init A1/s0/r1/train',
      'A2/s0: A1/s0/r0/init A2/s0/r1/train',
    ]);
  });

  it('not into one that waits for another that has it', async () => {
    const study: ToyStudy = { ...TWO_RUNS, 'A3/s0/r0/init': { params: { say: 'init' } } };
    study['A3/s0/r1/train'] = { from: 'A3/s0/r0/init' };
    study['A1/s0/r2/train'] = { ...study['A1/s0/r2/train'], and: 'A1/s0/r0/init' };
    expect(shown(await cut(study, { secondsOf })).slice(0, 3)).toEqual([
      'A1, A2/s0: A1/s0/r0/init A1/s0/r1/train',
      'A3/s0: A1/s0/r0/init A3/s0/r1/train',
      'A1/s0: A1/s0/r1/prune A1/s0/r2/train <- A1, A2/s0',
    ]);
  });

  it('also by way of what is shared and short itself', async () => {
    const study: ToyStudy = {
      'A/s0/r0/load': { params: { say: 'load' } },
      'B/s0/r0/load': { params: { say: 'load' } },
      'C/s0/r0/load': { params: { say: 'load' } },
      'A/s0/r0/init': { from: 'A/s0/r0/load', params: { say: 'init' } },
      'B/s0/r0/init': { from: 'B/s0/r0/load', params: { say: 'init' } },
      'A/s0/r1/train': { from: 'A/s0/r0/init' },
      'B/s0/r1/train': { from: 'B/s0/r0/init' },
      'C/s0/r1/train': { from: 'C/s0/r0/load' },
    };
    const short = (node: PlannedNode) => (at(node).endsWith('train') ? 600 : 40);
    expect(shown(await cut(study, { secondsOf: short }))).toEqual([
      'A/s0: A/s0/r0/load A/s0/r0/init A/s0/r1/train',
      'B/s0: A/s0/r0/load A/s0/r0/init B/s0/r1/train',
      'C/s0: A/s0/r0/load C/s0/r1/train',
    ]);
  });

  it('has a job of its own where nobody knows how short it is, or where other settings need it', async () => {
    const study: ToyStudy = {
      'A1/s0/r0/init': { params: { say: 'init' } },
      'A2/s0/r0/init': { params: { say: 'init' } },
      'A1/s0/r1/train': { from: 'A1/s0/r0/init' },
      'A2/s0/r1/train': { from: 'A2/s0/r0/init' },
    };
    const own = [
      'A1, A2/s0: A1/s0/r0/init',
      'A1/s0: A1/s0/r1/train <- A1, A2/s0',
      'A2/s0: A2/s0/r1/train <- A1, A2/s0',
    ];
    expect(shown(await cut(study, { secondsOf: () => undefined }))).toEqual(own);
    const settingsOf = (node: PlannedNode) => ({ partition: at(node).endsWith('init') ? 'cpu' : 'gpu' });
    expect(shown(await cut(study, { secondsOf, settingsOf }))).toEqual(own);
  });

  it('goes into the first bundle of its runs where only what gathers needs it', async () => {
    const study: ToyStudy = { ...TWO_RUNS };
    for (const run of ['A1', 'A2'])
      study[`${run}/s0/r0/eval`] = { from: `${run}/s0/r1/train`, params: { say: 'eval' } };
    const secondsOf = (node: PlannedNode) => (at(node).endsWith('eval') ? 5 : 600);
    const bundles = await cut(study, { secondsOf });
    expect(bundles.find(({ places }) => places.includes('A1/s0/r0/eval'))?.name).toBe('A1, A2/s0');
    const { keys } = await rig.build(study);
    const held = [keys['A1/s0/r0/init'], keys['A1/s0/r1/train']];
    const others = await cut(study, { secondsOf, heldBy: (key) => (held.includes(key) ? '7_0' : undefined) });
    expect(shown(others)[0]).toBe('A1/s0: A1/s0/r1/prune A1/s0/r2/train A1/s0/r0/eval <- 7_0');
  });
});

describe('trainings that go on from one another', () => {
  const stops: ToyStudy = {
    'short/s0/r1/train': { stage: 'count', params: { to: 3000 } },
    'long/s0/r1/train': { stage: 'count', params: { to: 10000 } },
    'long/s0/r1/prune': { from: 'long/s0/r1/train' },
    'short/s0/r1/prune': { from: 'short/s0/r1/train' },
  };

  it('the longer one waits for the shorter one, and for nothing that comes after that', async () => {
    expect(shown(await cut(stops))).toEqual([
      'short, long/s0: short/s0/r1/train',
      'long/s0: long/s0/r1/train long/s0/r1/prune <- short, long/s0',
      'short/s0: short/s0/r1/prune <- short, long/s0',
    ]);
  });

  it('also where the longer one is declared first', async () => {
    const [first, second, ...others] = Object.entries(stops);
    const turned = Object.fromEntries([second!, first!, ...others]);
    expect(shown(await cut(turned))[0]).toBe('short, long/s0: short/s0/r1/train');
  });
});

describe('what an earlier submission has', () => {
  it('is waited for, not cut again', async () => {
    const { keys } = await rig.build(TWO_RUNS);
    const ids = new Map([
      [keys['A1/s0/r0/init'], '7_0'],
      [keys['A1/s0/r1/train'], '7_1'],
      [keys['A1/s0/r2/train'], '7_2'],
    ]);
    expect(shown(await cut(TWO_RUNS, { heldBy: (key) => ids.get(key) }))).toEqual([
      'A2/s0: A2/s0/r1/prune A2/s0/r2/train <- 7_1',
      'A1/s0: A1/s0/r1/prune <- 7_1',
      'aggregate: */s0/r0/aggregate <- A2/s0; 7_2',
    ]);
  });

  it('is gathered again, after it: it may have less to gather', async () => {
    const { keys } = await rig.build(TWO_RUNS);
    const bundles = await cut(TWO_RUNS, {
      heldBy: (key) => (key === keys['*/s0/r0/aggregate'] ? '9_4' : undefined),
    });
    expect(shown(bundles).at(-1)).toBe('aggregate: */s0/r0/aggregate <- A1/s0; A2/s0; 9_4');
  });
});

describe('by node', () => {
  it('each node is a bundle with the name of its place', async () => {
    expect(shown(await cut(TWO_RUNS, { rule: 'node' })).slice(0, 3)).toEqual([
      'A1, A2/s0/r0: A1/s0/r0/init',
      'A1, A2/s0/r1: A1/s0/r1/train <- A1, A2/s0/r0',
      'A1/s0/r1: A1/s0/r1/prune <- A1, A2/s0/r1',
    ]);
  });
});

describe('by minutes', () => {
  it('long bundles are cut along the chain, short ones are put together', async () => {
    const study: ToyStudy = { 'A/s0/r1/train': {}, 'B/s0/r1/train': {}, 'B/s1/r1/train': {}, 'C/s0/r1/train': {} };
    for (const round of [2, 3, 4, 5]) study[`A/s0/r${round}/train`] = { from: `A/s0/r${round - 1}/train` };
    expect(shown(await cut(study, { rule: { minutes: 20 } }))).toEqual([
      'A/s0/r1-r2: A/s0/r1/train A/s0/r2/train',
      'B/s0-s1: B/s0/r1/train B/s1/r1/train',
      'C/s0: C/s0/r1/train',
      'A/s0/r3-r4: A/s0/r3/train A/s0/r4/train <- A/s0/r1-r2',
      'A/s0/r5: A/s0/r5/train <- A/s0/r3-r4',
    ]);
  });

  it('what is short stays with the long node before it', async () => {
    const study: ToyStudy = { 'A/s0/r1/train': {}, 'A/s0/r1/eval': { from: 'A/s0/r1/train' } };
    const secondsOf = (node: PlannedNode) => (at(node).endsWith('eval') ? 10 : 7200);
    expect(await cut(study, { rule: { minutes: 20 }, secondsOf })).toHaveLength(1);
  });

  it('what nobody knows the length of stays alone and whole', async () => {
    const study: ToyStudy = { A: {}, 'A/s0/r1/next': { from: 'A' }, B: {} };
    const bundles = await cut(study, { rule: { minutes: 1 }, secondsOf: () => undefined });
    expect(bundles.map(({ name }) => name)).toEqual(['A/s0', 'B/s0']);
  });
});

describe('names', () => {
  it('are short even where many runs with long names share a bundle', async () => {
    const study: ToyStudy = {};
    for (const seed of [0, 1, 2])
      for (let index = 0; index < 14; index++)
        study[`experiment-with-a-long-name-${index}/s${seed}/r0/init`] = { params: { say: 'init' } };
    for (let index = 0; index < 13; index++)
      study[`experiment-with-a-long-name-${index}/s1/r1/detect-trained`] = {
        from: `experiment-with-a-long-name-${index}/s1/r0/init`,
        params: { say: 'detect' },
      };
    study['experiment-with-a-long-name-and-more-of-it/s1/r10/detect-trained'] = {};
    const bundles = await cut(study);
    expect(bundles.map(({ name }) => name)).toEqual([
      'experiment-with-a-lo.. and 13 more/s0-s2',
      'experiment-with-a-long-name-and-mor../s1',
      'experiment-with-a-long-.. and 12 more/s1',
    ]);
  });

  it('are numbered where nothing else tells them apart', async () => {
    const study: ToyStudy = { 'A/s0/r1/train': {}, 'B/s0/r1/train': {}, 'C/s0/r2/train': {} };
    const long = (letter: string) => `${'x'.repeat(60)}${letter}`;
    const named = Object.fromEntries(
      Object.entries(study).map(([place, node]) => [`${long(place[0]!)}/s0/r1/a`, node]),
    );
    const names = (await cut(named)).map(({ name }) => name);
    expect(new Set(names).size).toBe(3);
    expect(names[1]).toMatch(/ #2$/);
  });
});

describe('the study of this repository', () => {
  const bundlesOf = async (secondsOf: (node: PlannedNode) => number | undefined) => {
    const { dag } = await openProject({ pipeline: 'pipeline.json', profile: 'table' });
    return cutIntoBundles(
      dag.mapNodes((_, node) => node),
      { rule: 'run', settingsOf: () => ({}), secondsOf },
    );
  };
  const ofSeed0 = (bundles: readonly Bundle<object>[]) =>
    bundles.map(({ name }) => name).filter((name) => !/s[12]$/.test(name));

  it('is 55 jobs once the times are known, and those at the beginning share trainings', async () => {
    const bundles = await bundlesOf(({ stage, params }) => (stage.name === 'train' ? Number(params.steps) / 5 : 5));
    expect(bundles).toHaveLength(55);
    expect(ofSeed0(bundles)).toEqual([
      ...['C1, C2, F1/s0', 'A1 and 6 more/s0', 'E1, E2/s0', 'H1/s0', 'I1/s0', 'F1/s0', 'B1, B2, D1, D2, G1/s0'],
      ...['C1/s0', 'C2/s0', 'E1/s0', 'E2/s0', 'A1/s0', 'A2/s0', 'B1/s0', 'B2/s0', 'G1/s0', 'D1/s0', 'D2/s0'],
      'aggregate',
    ]);
  });

  it('is 70 jobs before anything has run', async () => {
    const bundles = await bundlesOf(() => undefined);
    expect(bundles).toHaveLength(70);
    expect(ofSeed0(bundles).slice(0, 3)).toEqual(['A1 and 13 more/s0', 'A1 and 7 more/s0', 'C1, C2, F1, H1/s0']);
  });
});

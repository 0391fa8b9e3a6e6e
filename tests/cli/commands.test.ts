/** swp dag, status, show, invalidate and help; what is wrong is said on standard error. */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

interface NodeJson {
  key: string;
  stage: string;
  round: number;
  runs: { experiment: string; seed: number }[];
  state: string;
  inputs: string[];
}

async function nodesOf(project: SwpProject, ...args: string[]): Promise<NodeJson[]> {
  const [value] = (await project.swp(...args, '--json')).json<{ nodes: NodeJson[] }>();
  return value!.nodes;
}

describe('swp dag', () => {
  test('draws a row per experiment, which begins where it differs from the one above', async () => {
    const study = tinyStudy();
    study.defaults.rounds = 2;
    study.defaults.seeds = [0, 1];
    study.experiments.C1 = { params: { init: { scheme: 'xavier' } } };
    study.experiments.A3 = { rounds: 1, params: { train: { steps: 5 } } };
    const project = await SwpProject.create(study);
    const { stdout, exitCode } = await project.swp('dag', '--show');
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`tiny, profile all: 4 experiments, 8 runs

   round  0     1     2    3
   nodes  L I   TE P  TEP  TE
A1    20  ○┬○──┬○○┬○──○○○──○○
A2    12   │   │  └○──○○○──○○
A3    10   │   └○○─○──○○
C1    18   └○───○○─○──○○○──○○

L load-pretrained   I init   T train   E eval   P prune
● cached   ○ missing   ├ └ nodes of its own begin; what stands before is shared

60 nodes: 60 missing.
8 nodes shared by several runs; without sharing there would be 74.`);
  });

  test('shows the states that nodes have', async () => {
    const study = tinyStudy();
    study.defaults.seeds = [0, 1];
    const project = await SwpProject.create(study);
    await project.swp('repro', 'seed=0', 'experiment=A1', 'step=prune');
    await project.swp('repro', 'seed=1', 'experiment=A1', 'step=init');
    await project.swp('invalidate', 'seed=0', 'step=prune');
    const { stdout } = await project.swp('dag');
    expect(stdout).toMatch(/^A1 +\d+ {2}●●─+◐○┬▲─+○○$/m);
    expect(stdout).toContain('● cached   ○ missing   ◐ cached for some seeds   ▲ stale');
  });

  test('is written for Mermaid, Graphviz and programs', async () => {
    const project = await SwpProject.create(tinyStudy());
    const mermaid = (await project.swp('dag', '--format', 'mermaid', 'experiment=A1', 'round=0')).stdout;
    expect(mermaid).toBe(`flowchart LR
  n0["load<br/>A1 A2, seed 0"]:::missing
  n1["init<br/>A1 A2, seed 0"]:::missing
  n0 -->|weights| n1
  classDef cached fill:#9fd8c4,stroke:#333333,color:#000000
  classDef missing fill:#ffffff,stroke:#333333,color:#000000
  classDef stale fill:#f3d38a,stroke:#333333,color:#000000`);
    const dot = (await project.swp('dag', '--format', 'dot', 'experiment=A1', 'round=0')).stdout;
    expect(dot).toContain('digraph study {');
    expect(dot).toContain('n0 -> n1 [label="weights"];');
    const nodes = await nodesOf(project, 'dag');
    const train = nodes.find(({ stage, round }) => stage === 'train' && round === 1);
    const init = nodes.find(({ stage }) => stage === 'init');
    expect(nodes).toHaveLength(10);
    expect(train).toMatchObject({
      state: 'missing',
      inputs: [init?.key],
      runs: [
        { experiment: 'A1', seed: 0 },
        { experiment: 'A2', seed: 0 },
      ],
    });
  });
});

describe('swp status', () => {
  test('counts by stage and by experiment', async () => {
    const project = await SwpProject.create(tinyStudy());
    await project.swp('repro', 'step=init');
    const { stdout } = await project.swp('status');
    expect(stdout).toContain('tiny, profile all: 2 experiments, 2 runs');
    expect(stdout).toMatch(/^init +1 +1 +- +-$/m);
    expect(stdout).toMatch(/^train +3 +- +3 +-$/m);
    expect(stdout).toMatch(/^A2 +7 +2 +5 +-$/m);
    expect(stdout).toContain('10 nodes: 2 cached, 8 missing.');
  });

  test('of another profile counts nothing as stale that only has another size', async () => {
    const project = await SwpProject.create({
      ...tinyStudy(),
      profiles: { small: { experiments: ['*'], scaleSteps: 0.5 }, full: { experiments: ['*'] } },
    });
    await project.swp('repro', '--profile', 'small', 'experiment=A1', 'round=1', 'step=train');
    const nodes = await nodesOf(project, 'status', '--profile', 'full', 'stage=train');
    expect(nodes.map(({ state }) => state)).toEqual(['missing', 'missing', 'missing']);
  });
});

describe('swp show', () => {
  test('gives metrics and paths of artifacts that can be read', async () => {
    const project = await SwpProject.create(tinyStudy());
    await project.swp('repro', 'experiment=A1', 'step=prune');
    const [shown] = (await project.swp('show', 'step=train', 'experiment=A1', 'round=1', '--json')).json<{
      state: string;
      artifacts: Record<string, string>;
      metrics: Record<string, number>;
    }>();
    expect(shown).toMatchObject({ state: 'cached', metrics: { steps: 2 } });
    expect(Object.keys(shown!.artifacts)).toEqual(['weights', 'optimizer', 'position', 'curve']);
    expect(JSON.parse(await readFile(shown!.artifacts.position!, 'utf8'))).toEqual({ step: 2 });
    const text = (await project.swp('show', 'step=train', 'experiment=A1', 'round=1')).stdout;
    expect(text).toContain('A1 seed 0 round 1 train, A2 seed 0 round 1 train');
    expect(text).toContain(shown!.artifacts.curve!);
  });

  test('of several nodes is a list', async () => {
    const project = await SwpProject.create(tinyStudy());
    expect(await nodesOf(project, 'show', 'stage=prune')).toMatchObject([
      { state: 'missing', artifacts: {} },
      { state: 'missing' },
    ]);
  });
});

describe('swp invalidate', () => {
  test('dismisses nodes and what follows, in this study only, until they are computed again', async () => {
    const project = await SwpProject.create(tinyStudy());
    const neighbour = await SwpProject.create(tinyStudy());
    const cache = ['--cache', project.path('cache')];
    await project.swp('repro', ...cache);

    const planned = await project.swp('invalidate', 'stage=train', 'round=1', '--dry-run', ...cache);
    expect(planned.stdout).toBe(`1 node selected, 7 more follow from them; 8 of them have a result.
stage  would rerun
train            3
eval             3
prune            2
Of these, 2 nodes serve several experiments, which all get the new results:
  A1, A2: 2 nodes, such as A1 seed 0 round 1 train
Nothing was dismissed.`);
    expect((await nodesOf(project, 'status', ...cache)).every(({ state }) => state === 'cached')).toBe(true);

    await project.swp('invalidate', 'stage=prune', 'experiment=A1', '--why', 'new tie rule', ...cache);
    const status = await project.swp('status', ...cache);
    expect(status.stdout).toContain('10 nodes: 7 cached, 3 stale.');
    expect(status.stdout).toContain('3 stale: invalidated: new tie rule');
    expect((await nodesOf(neighbour, 'status', ...cache)).every(({ state }) => state === 'cached')).toBe(true);

    expect((await project.swp('repro', ...cache)).stdout).toContain('10 nodes: 7 cached, 3 ran in ');
    expect((await project.swp('status', ...cache)).stdout).toContain('10 nodes: 10 cached.');
  });

  test('with --only leaves alone what follows', async () => {
    const project = await SwpProject.create(tinyStudy());
    await project.swp('repro', 'experiment=A1');
    const [value] = (await project.swp('invalidate', 'stage=train', '--only', '--json')).json<{
      dryRun: boolean;
      nodes: NodeJson[];
    }>();
    expect(value?.dryRun).toBe(false);
    expect(value?.nodes.map(({ stage }) => stage)).toEqual(['train', 'train']);
  });
});

describe('what is wrong is said on standard error, with an exit code', () => {
  test('a mistake in the study: 2', async () => {
    const study = tinyStudy();
    study.experiments.A1 = { params: { train: { stpes: 3 } } };
    const project = await SwpProject.create(study);
    const { exitCode, stdout, stderr } = await project.swp('status');
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `pipeline.json:77:11 error: train has no parameter "stpes".
  77 |           "stpes": 3
     |           ^^^^^^^
  Did you mean "steps"?
  Expected: "model", "steps", "batchSize", "microBatchSize", "sequenceLength", "learningRate", "beta1", "beta2", "epsilon", "weightDecay", "clipNorm", "schedule", "warmupSteps", "decaySteps", "floor", "optimizerState", "mask", "stream", "seed", "curveEvery", "engine", "device" or "precision".`,
    });
  });

  test.each([
    [['reprp'], "error: unknown command 'reprp'"],
    [['repro', '--jobs', '0\u001b[1m'], "argument '0\\u001b[1m' is invalid. It must be a whole number from 1 to 9999."],
    [['status', '--profile', 'pliot'], 'There is no profile "pliot".\n  Did you mean "pilot"?'],
    [['status', 'stage=trian'], 'No node of this profile has stage=trian.\n  Did you mean "train"?'],
    [['status', '--cache', ''], "option '--cache <directory>' argument '' is invalid. It must not be empty."],
    [
      ['status', '--pipeline', 'nowhere.json'],
      'Cannot read nowhere.json: there is no such file.\n  Name the study with --pipeline FILE.',
    ],
    [['report'], 'The study has no step of stage aggregate, whose results a report shows.'],
  ])('swp %j: 2', async (args, text) => {
    const project = await SwpProject.create({ ...tinyStudy(), profiles: { pilot: { experiments: ['*'] } } });
    const { exitCode, stderr, stdout } = await project.swp(...args);
    expect(stderr).toContain(text);
    expect(stdout).toBe('');
    expect(exitCode).toBe(2);
  });

  test('no study anywhere: 2, and how to name one', async () => {
    const project = await SwpProject.create({});
    await project.write('empty/x', '');
    const { exitCode, stderr } = await project.swp('status', '--pipeline', 'empty');
    expect(stderr).toContain('error: Cannot read empty: it is a folder.');
    expect(exitCode).toBe(2);
  });
});

describe('help', () => {
  test('teaches by example: 0', async () => {
    const project = await SwpProject.create({});
    const { stdout, exitCode } = await project.swp('--help');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('swp repro experiment=A1 seed=0');
    expect(stdout).toContain('Exit codes:');
  });

  test.each(['repro', 'status', 'dag', 'invalidate', 'show', 'report', 'export', 'doctor'])(
    'swp %s --help has examples',
    async (name) => {
      const project = await SwpProject.create({});
      const { stdout, exitCode } = await project.swp(name, '--help');
      expect(exitCode).toBe(0);
      expect(stdout).toContain(`swp ${name}`);
      expect(stdout).toContain('Examples:');
    },
  );
});

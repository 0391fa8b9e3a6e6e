/** The study in pipeline.json: the table of experiments, and the rules of science that its wiring must keep. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Failure } from '../../src/base/failure.ts';
import { StageLoader } from '../../src/engine/stage-loader.ts';
import { lengthsOf } from '../../src/engine/trajectory.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { buildDag } from '../../src/pipeline/build-dag.ts';
import { declareStudy } from '../../src/pipeline/declaration.ts';
import { parseStudyFile, readStudyFile } from '../../src/pipeline/study-file.ts';
import { resolveStudy, type Study } from '../../src/pipeline/study.ts';
import { finalSparsity } from '../../src/science/lint/consequences.ts';
import { Arm } from '../../src/science/lint/arm.ts';
import { lintStudy } from '../../src/science/lint/lint.ts';
import { writtenOutStudy } from '../support/written-out.ts';
import { runOf } from './study-of.ts';

const load = async (profile: string) =>
  resolveStudy(await readStudyFile(join(packageRoot, 'pipeline.json')), { profile, loader: StageLoader.installed() });
let table: Study;
let pilot: Study;
let controls: Study;
let confirm: Study;
let emergence: Study;
beforeAll(async () => {
  [table, pilot, controls, confirm, emergence] = (await Promise.all(
    ['table', 'pilot', 'controls', 'confirm', 'emergence'].map(load),
  )) as [Study, Study, Study, Study, Study];
});

/** A parameter's values over a run's rounds, of the instances that there are. */
function over(study: Study, experiment: string, step: string, param: string): unknown[] {
  return [...runOf(study, experiment)]
    .filter(([name]) => name.startsWith(`${step}@`))
    .map(([, { params }]) => params[param]);
}

const times = <Value>(count: number, value: Value) => Array.from({ length: count }, () => value);

it('is refused, at the step, if a detection does not say what became of the super weights that a run follows', async () => {
  const path = join(packageRoot, 'pipeline.json');
  const content = (await writtenOutStudy()) as { dag: { steps?: Record<string, unknown>[] }[] };
  const step = content.dag.flatMap(({ steps = [] }) => steps).find((each) => each.step === 'detect-pruned')!;
  delete (step.inputs as Record<string, unknown>).reference;
  const file = parseStudyFile(path, JSON.stringify(content, null, 2));
  const study = await resolveStudy(file, { profile: 'smoke', loader: StageLoader.installed() });
  await expect(buildDag(study, StageLoader.installed())).rejects.toMatchObject({
    failure: {
      kind: 'study',
      at: { text: '          "step": "detect-pruned",' },
      expected: '"detect-start.superWeights" as its input "reference"',
    },
  });
});

/** Where and how the study is refused if an experiment has these parameters; undefined if it is planned. */
async function refusalOf(params: Record<string, object>, more: object = {}): Promise<unknown> {
  const path = join(packageRoot, 'pipeline.json');
  const content = JSON.parse(await readFile(path, 'utf8')) as { experiments: object };
  const experiments = { ...content.experiments, tried: { rounds: 2, params, ...more } };
  const profiles = { one: { experiments: ['tried'], seeds: [0] } };
  const file = parseStudyFile(
    path,
    JSON.stringify({ ...content, comparisons: [], experiments, profiles, defaultProfile: 'one' }, null, 2),
  );
  const study = await resolveStudy(file, { loader: StageLoader.installed() });
  const failure = await buildDag(study, StageLoader.installed()).then(
    () => undefined,
    (error: { failure: Failure }) => error.failure,
  );
  return failure?.kind === 'study' ? [failure.at.text.trim(), failure.message] : failure;
}

it('is refused, at the value, if a parameter asks for an input that a step of the run does not have', async () => {
  const refused = async (params: Record<string, object>, text: string, message: string) =>
    expect(await refusalOf(params)).toEqual([text, expect.stringContaining(message)]);
  const pruned = { train: { steps: 5 }, prune: { fraction: 0.1 } };
  // The point that it goes back to is left out where nobody says at which training step it is.
  await refused(
    { ...pruned, rewind: { to: 'step' } },
    '"to": "step"',
    'rewind.to is "step", which takes the input "point"',
  );
  expect(
    await refusalOf({ ...pruned, rewind: { to: 'step' } }, { perStep: { 'rewind-point': { steps: 5 } } }),
  ).toBeUndefined();
  // Without training nothing is detected in round 1 that a re-initialised run could follow.
  const untrained = { init: { scheme: 'xavier' }, train: { steps: 0 } };
  await refused(
    { ...untrained, prune: { fraction: 0.1, protect: 'reference' } },
    '"protect": "reference"',
    '"reference"',
  );
  await refused({ ...untrained, prune: { force: 'reference' } }, '"force": "reference"', 'prune.force is "reference"');
  await refused(
    { ...untrained, prune: { fraction: 0.1 }, eval: { restore: 'super-activation' } },
    '"restore": "super-activation"',
    'which takes the input "original" or "reference"',
  );
  // At the start there is no earlier detection, whose super weights could be all that is tested.
  await refused(
    { ...pruned, 'detect-sw': { search: 'none' } },
    '"search": "none"',
    'detect-sw.search is "none", which takes the input "reference"',
  );
  expect(
    await refusalOf(pruned, { perRound: { 'detect-sw': { search: ['none', 'none', 'spikes'] } } }),
  ).toBeUndefined();
  for (const asks of [{ protect: 'reference' }, { protect: 'detected' }, { force: 'reference' }])
    expect(await refusalOf({ train: { steps: 5 }, prune: { fraction: 0.1, ...asks } })).toBeUndefined();
});

describe('profile table', () => {
  it('plans 584,000 distinct training steps per seed in its rounds, instead of 660,000', async () => {
    const dag = await buildDag(table, StageLoader.installed());
    const inRounds = dag
      .nodes()
      .map((key) => dag.getNodeAttributes(key))
      .flatMap((node) => {
        // I1 prunes before its first training: what is the final training of others is the last of its five rounds.
        const labels = node.labels.filter(
          ({ experiment, seed, round }) =>
            seed === 0 &&
            (experiment === 'I1' || round <= (table.experiments.find(({ id }) => id === experiment)?.rounds ?? 0)),
        );
        return labels.length > 0 ? [{ ...node, labels }] : [];
      });
    expect(lengthsOf(inRounds)).toEqual([{ stage: 'train', unit: 'steps', asked: 660_000, distinct: 584_000 }]);
  });

  it.each([
    ['A1', 'pretrained', times(6, 3000), times(5, 0.1)],
    ['A2', 'pretrained', times(6, 3000), times(5, 0.2)],
    ['B1', 'pretrained', times(6, 10_000), times(5, 0.1)],
    ['B2', 'pretrained', times(6, 10_000), times(5, 0.2)],
    ['C1', 'xavier', times(6, 10_000), times(5, 0.1)],
    ['C2', 'xavier', times(6, 10_000), times(5, 0.2)],
    ['D1', 'pretrained', times(5, 10_000), [0.05, 0.1, 0.15, 0.2]],
    ['D2', 'pretrained', times(5, 10_000), [0.05, 0.1, 0.15, 0.2]],
    ['E1', 'kaiming', times(6, 10_000), times(5, 0.1)],
    ['E2', 'kaiming', times(6, 10_000), times(5, 0.2)],
    ['F1', 'xavier', times(6, 20_000), times(5, 0.2)],
    ['G1', 'pretrained', times(6, 10_000), times(5, 0.15)],
    ['H1', 'xavier', times(6, 10_000), times(5, 0.1)],
    ['I1', 'pretrained', times(5, 10_000), [0.2]],
  ])('%s starts %s, trains and prunes as the table says', (experiment, scheme, steps, fractions) => {
    expect(over(table, experiment, 'init', 'scheme')).toEqual([scheme]);
    expect(over(table, experiment, 'train', 'steps')).toEqual(steps);
    expect(over(table, experiment, 'prune', 'fraction')).toEqual(fractions);
    expect(new Set(over(table, experiment, 'prune', 'of'))).toEqual(new Set(['remaining']));
    expect(new Set(over(table, experiment, 'prune', 'scope'))).toEqual(
      new Set([experiment === 'D2' ? 'layerwise' : 'global']),
    );
  });

  it('is the fourteen experiments, three seeds each; I1 prunes before it trains; H1 warms up and decays in each round', () => {
    expect(table.experiments.map(({ id, seeds }) => [id, seeds])).toEqual(
      ['A1', 'A2', 'B1', 'B2', 'C1', 'C2', 'D1', 'D2', 'E1', 'E2', 'F1', 'G1', 'H1', 'I1'].map((id) => [id, [0, 1, 2]]),
    );
    expect(runOf(table, 'I1').get('prune@1')?.inputs.weights).toBe('init@0.weights');
    expect(over(table, 'H1', 'train', 'schedule')).toEqual(times(6, 'warmup-cosine'));
    expect(over(table, 'H1', 'train', 'warmupSteps')).toEqual(times(6, 1000));
  });
});

describe('every run', () => {
  it('follows the super weights of the starting model if pretrained, those of its first training if not', () => {
    for (const study of [table, pilot, controls])
      for (const { id } of study.experiments) {
        const run = runOf(study, id);
        const reference =
          run.get('init@0')?.params.scheme === 'pretrained'
            ? 'detect-start@0.superWeights'
            : 'detect-trained@1.superWeights';
        for (const [name, { inputs }] of run)
          if (/^detect-(trained|pruned)@/.test(name))
            expect(inputs.reference, `${id} ${name}`).toBe(
              `${name}.superWeights` === reference ? undefined : reference,
            );
      }
  });

  it('is measured after its mask was applied: detection and evaluation read what the prune wrote', () => {
    for (const { id } of controls.experiments)
      for (const [name, { inputs }] of runOf(controls, id)) {
        const round = /^(?:detect|eval)-pruned@(\d+)$/.exec(name)?.[1];
        if (round !== undefined) expect(inputs.weights, `${id} ${name}`).toBe(`prune@${round}.weights`);
      }
  });

  it('draws its data by seed and cumulative step alone, from another stream than its checkpoint was pretrained on', () => {
    for (const study of [table, pilot])
      for (const { id } of study.experiments)
        for (const seed of [0, 2]) {
          const run = runOf(study, id, seed);
          const trainings = [...run].filter(([name]) => name.startsWith('train@'));
          expect(trainings.map(([, { params }]) => [params.seed, params.stream])).toEqual(
            trainings.map(() => [seed, 'retrain-data']),
          );
          expect(trainings.map(([, { inputs }]) => inputs.position)).toEqual([
            undefined,
            ...trainings.slice(0, -1).map(([name]) => `${name}.position`),
          ]);
          for (const [name, { params }] of run) expect(Object.values(params), `${id} ${name}`).not.toContain(id);
        }
  });

  it('starts from the checkpoint of its own seed', () => {
    expect([0, 1, 2].map((seed) => runOf(table, 'A1', seed).get('load@0')?.params.checkpoint)).toEqual([0, 1, 2]);
  });

  it('prunes coordinates that are named, though nothing else is pruned', async () => {
    const study = await load('pilot');
    const unpruned = study.experiments.find(({ id }) => id === 'unpruned')!;
    unpruned.params = {
      ...unpruned.params,
      prune: {
        ...unpruned.params.prune,
        coordinates: [{ tensor: 'model.layers.0.mlp.down_proj.weight', row: 1, col: 2 }],
      },
    };
    expect([...runOf(study, 'unpruned').keys()]).toContain('prune@1');
    expect([...runOf(pilot, 'unpruned').keys()].filter((name) => name.startsWith('prune@'))).toEqual([]);
  });
});

describe('every profile', () => {
  it.each(['table', 'pilot', 'controls', 'confirm', 'emergence', 'controls-pilot', 'confirm-pilot', 'smoke'])(
    '%s: lint has nothing to object that is not accepted with a reason',
    async (profile) => {
      const open = lintStudy(declareStudy(await load(profile))).filter(
        ({ severity, accepted }) => severity !== 'note' && accepted === null,
      );
      expect(open).toEqual([]);
    },
  );

  it('controls declares comparisons for all six questions; confirm has six seeds, and lint nothing to say of them', () => {
    expect(new Set(controls.comparisons.map(({ topic }) => topic))).toEqual(
      new Set(['survival', 'initialisation', 'quality', 'schedule', 'budget', 'variance']),
    );
    expect(new Set(confirm.experiments.flatMap(({ seeds }) => seeds))).toEqual(new Set([0, 1, 2, 3, 4, 5]));
    expect(lintStudy(declareStudy(confirm)).filter(({ rule }) => rule === 'sample-size')).toEqual([]);
    expect(new Set(confirm.comparisons.map(({ topic }) => topic))).toEqual(
      new Set(['survival', 'initialisation', 'quality', 'schedule', 'budget', 'variance']),
    );
  });
});

describe('profile controls', () => {
  const sparsityOf = (id: string) => {
    const study = declareStudy(controls);
    return finalSparsity(
      new Arm(
        study.experiments.find((experiment) => experiment.id === id)!,
        study,
      ),
    );
  };

  it('prunes to equal sparsity, whatever the way', () => {
    for (const how of [
      '',
      '-protect-reference',
      '-protect-detected',
      '-random',
      '-shuffled',
      '-oneshot-0.67232',
      '-increments',
      '-cubic',
      '-targets',
      '-release',
      '-layerwise',
      '-fresh',
      '-rewind-step',
      '-1000',
    ])
      expect(sparsityOf(`B2${how}`), how).toBeCloseTo(1 - 0.8 ** 5, 10);
    expect(sparsityOf('B2-ladder')).toBeGreaterThan(0.97);
    expect([
      sparsityOf('B2-prune0.9'),
      sparsityOf('B2-prune0.95'),
      sparsityOf('B2-unpruned'),
      sparsityOf('B2-force'),
    ]).toEqual([0.9, 0.95, 0, 0]);
  });

  it('rewinds to where the arm says, and goes on from there under the found mask', () => {
    const sources = (id: string, round = 2) => {
      const { rewind, train } = {
        rewind: runOf(controls, id).get(`rewind@${round - 1}`)?.inputs,
        train: runOf(controls, id).get(`train@${round}`)?.inputs,
      };
      return [rewind?.init ?? rewind?.point ?? rewind?.pretrained, rewind?.mask, train?.weights, train?.mask];
    };
    const rewound = ['prune@1.mask', 'rewind@1.weights', 'rewind@1.mask'];
    expect(sources('C2-rewind-init')).toEqual(['init@0.weights', ...rewound]);
    expect(sources('B2-rewind-step')).toEqual(['rewind-point@0.weights', ...rewound]);
    expect(sources('B2-rewind-pretrained')).toEqual(['load@0.weights', ...rewound]);
    expect(sources('B2')).toEqual([undefined, undefined, 'prune@1.weights', 'prune@1.mask']);
    expect(runOf(controls, 'B2-rewind-step').get('rewind-point@0')).toMatchObject({
      params: { steps: 1000 },
      inputs: { weights: 'init@0.weights' },
    });
    expect([...runOf(controls, 'B2').keys()].filter((name) => name.startsWith('rewind'))).toEqual([]);
  });

  it('gives the found mask fresh weights in the last round only, and shuffles it for the control', () => {
    const rewinds = [...runOf(controls, 'C2-fresh-shuffle')]
      .filter(([name]) => name.startsWith('rewind@'))
      .map(([name, { params }]) => [name, params.to, params.mask]);
    expect(rewinds).toEqual([['rewind@5', 'fresh', 'shuffle']]);
    expect(runOf(controls, 'C2-fresh').get('train@6')?.inputs).toMatchObject({
      weights: 'rewind@5.weights',
      mask: 'rewind@5.mask',
    });
  });

  it('hands no mask on where it is released', () => {
    const run = runOf(controls, 'B2-release');
    for (const name of ['train@2', 'prune@2', 'train@6'])
      expect(run.get(name)?.inputs, name).not.toHaveProperty('mask');
    expect(runOf(controls, 'B2-targets').get('prune@2')?.inputs.mask).toBe('prune@1.mask');
  });

  it('protects what is detected now, or what the run follows', () => {
    const detections = (arm: string) => {
      const { detected, reference } = runOf(controls, arm).get('prune@3')!.inputs as Record<string, unknown>;
      return { detected, reference };
    };
    expect(detections('B2-protect-detected')).toEqual({ detected: 'detect-trained@3.superWeights' });
    expect(detections('B2-protect-reference')).toEqual({ reference: 'detect-start@0.superWeights' });
    expect(detections('B2')).toEqual({});
  });

  it('puts back the super activations of the intact model: the starting one, or the one after the first training', () => {
    expect(runOf(controls, 'B2-cut-restored').get('eval-pruned@1')).toMatchObject({
      params: { restore: 'super-activation' },
      inputs: { original: 'init@0.weights', reference: 'detect-start@0.superWeights' },
    });
    expect(runOf(controls, 'C2-cut-restored').get('eval-pruned@1')?.inputs).toMatchObject({
      original: 'train@1.weights',
      reference: 'detect-trained@1.superWeights',
    });
    expect(runOf(controls, 'B2-cut').get('eval-pruned@1')?.inputs).toEqual({ weights: 'prune@1.weights' });
    expect(runOf(controls, 'B2-cut-restored').get('eval-start@0')?.params.restore).toBe('none');
  });
});

describe('profile emergence', () => {
  it('looks at stops of one training for each scheme and seed', async () => {
    const dag = await buildDag(emergence, StageLoader.installed());
    const lengths = lengthsOf(dag.nodes().map((key) => dag.getNodeAttributes(key)));
    expect(lengths).toMatchObject([{ stage: 'train', unit: 'steps', distinct: 3 * 3 * 3500 }]);
    expect([...runOf(emergence, 'emergence-xavier-0').keys()]).toEqual([
      'load@0',
      'init@0',
      'detect-start@0',
      'eval-start@0',
    ]);
    expect([...runOf(emergence, 'emergence-xavier-500').keys()]).toContain('detect-trained@1');
  });
});

/** The control of an arm: who trains exactly as it does, and why nobody does. The same for results and for lint. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StageLoader } from '../../src/engine/stage-loader.ts';
import type { StudyDeclaration } from '../../src/generated/aggregate.ts';
import { declareStudy } from '../../src/pipeline/declaration.ts';
import { parseStudyFile } from '../../src/pipeline/study-file.ts';
import { resolveStudy } from '../../src/pipeline/study.ts';
import { lintStudy } from '../../src/science/lint/lint.ts';
import { ControlSearch, isPositiveControl } from '../../src/science/positive-control.ts';
import { studyResults } from '../../src/science/results/study-results.ts';
import { fixturePieces, fixtureStudy, repeat, type FixtureArm } from '../report/study-fixture.ts';
import committed from '../../pipeline.json' with { type: 'json' };

type Entry = Record<string, unknown>;

const train = (steps: number, more: Entry = {}) => ({ train: { steps, ...more } });
const A = { params: { ...train(60), prune: { fraction: 0.1 } } };
const UNPRUNED = { role: 'positive-control', params: train(60) };

/** The committed study's steps with these experiments. */
async function declared(experiments: Record<string, Entry>, dag: unknown = committed.dag): Promise<StudyDeclaration> {
  const study = {
    name: 'control',
    dag,
    defaults: { ...committed.defaults, rounds: 2 },
    experiments,
  };
  const file = parseStudyFile(`${process.cwd()}/pipeline.json`, JSON.stringify(study, null, 2));
  return declareStudy(await resolveStudy(file, { loader: StageLoader.installed() }));
}

/** The control of the arm A, or why there is none. */
function controlOf(study: StudyDeclaration, id = 'A'): string {
  const search = new ControlSearch(
    study,
    study.experiments.filter(isPositiveControl).map((experiment) => ({ experiment })),
  );
  const arm = study.experiments.find((experiment) => experiment.id === id)!;
  return search.find(arm)?.experiment.id ?? search.missing(arm);
}

const control = async (arm: Entry, unpruned: Entry = UNPRUNED, more: Record<string, Entry> = {}) =>
  controlOf(await declared({ A: arm, unpruned, ...more }));

describe('the control of an arm', () => {
  it('starts and trains exactly alike, for as long or longer', async () => {
    expect(await control(A)).toBe('unpruned');
    expect(await control(A, { ...UNPRUNED, rounds: 6 })).toBe('unpruned');
    expect(await control({ ...A, rounds: 1, finalTrain: false })).toBe('unpruned');
    expect(await control({ ...A, rounds: 6 })).toBe(
      'no control trains as A does: unpruned ends after 3 trainings, A after 7',
    );
  });

  it('is none that trains or starts otherwise in one round; the nearest is named, with what differs', async () => {
    expect(await control(A, { ...UNPRUNED, params: train(20) })).toBe(
      'no control trains as A does: unpruned trains 20 steps a round, A 60',
    );
    expect(await control(A, { ...UNPRUNED, perRound: { train: { steps: [60, 60, 200] } } })).toBe(
      'no control trains as A does: train.steps is [2 x 60, 200] in unpruned, 60 in A',
    );
    expect(await control(A, { ...UNPRUNED, params: { ...train(60), init: { scheme: 'xavier' } } })).toBe(
      'no control starts as A does: init.scheme is "xavier" in unpruned, "pretrained" in A',
    );
    expect(await control({ params: { ...A.params, 'load-pretrained': { checkpoint: 0 } } })).toBe(
      "no control starts as A does: load-pretrained.checkpoint is the run's seed in unpruned, 0 in A",
    );
    expect(await control(A, { ...UNPRUNED, params: train(60, { precision: 'bf16' }) })).toContain('train.precision');
    expect(await control(A, { ...UNPRUNED, model: 'marker-retrieval-gelu' })).toBe(
      'no control starts as A does: unpruned is of the model "marker-retrieval-gelu", A of the model "marker-retrieval"',
    );
  });

  it('may differ where nothing is computed otherwise: a checkpoint that is not used, how masks are kept', async () => {
    const drawn = (more: Entry) => ({ ...train(60), init: { scheme: 'xavier' }, ...more });
    expect(
      await control(
        { params: { ...drawn({ 'load-pretrained': { checkpoint: 0 } }), prune: { fraction: 0.1 } } },
        { ...UNPRUNED, params: drawn({}) },
      ),
    ).toBe('unpruned');
    expect(await control({ params: { ...A.params, ...train(60, { mask: 'release' }) } })).toBe('unpruned');
    expect(await control({ params: { ...A.params, rewind: { mask: 'shuffle' } } })).toBe('unpruned');
    expect(await control(A, { ...UNPRUNED, params: train(60, { curveEvery: 3 }) })).toBe('unpruned');
  });

  it('is none for an arm whose training goes back to other weights', async () => {
    expect(await control({ params: { ...A.params, rewind: { to: 'init' } } })).toBe(
      'no control trains as A does: A goes back to other weights in rounds 1 and 2 (rewind.to), unpruned does not',
    );
    const point = { params: { ...A.params, rewind: { to: 'step' } }, perStep: { 'rewind-point': { steps: 10 } } };
    expect(await control(point)).toContain('A goes back to other weights in rounds 1 and 2');
    // After the last training nothing goes on from it.
    expect(await control({ ...A, finalTrain: false, perRound: { rewind: { to: ['none', 'init'] } } })).toBe('unpruned');
  });

  it('is evaluated on the same data, by the same arithmetic; what is restored in the arm is its treatment', async () => {
    const evaluated = (more: Entry) => ({ ...UNPRUNED, params: { ...train(60), eval: more } });
    expect(await control(A, evaluated({ sequences: 512 }))).toBe(
      'no control is evaluated as A is: eval.sequences is 512 in unpruned, 2048 in A',
    );
    for (const other of [{ seed: 1 }, { engine: 'tensorflow' }, { precision: 'bf16' }])
      expect(await control(A, evaluated(other))).toContain('no control is evaluated as A is: eval.');
    expect(await control({ params: { ...A.params, eval: { restore: 'super-activation' } } })).toBe('unpruned');
    const own = { ...UNPRUNED, perStep: { 'eval-trained': { sequences: 512 } } };
    expect(await control(A, own)).toContain('eval-trained.sequences is 512 in unpruned, 2048 in A');
    // An arm that ends with a prune is read there as well.
    const cut = { ...A, finalTrain: false, perStep: { 'eval-pruned': { sequences: 512 } } };
    expect(await control(cut)).toContain('eval-pruned.sequences is 2048 in unpruned, 512 in A');
    expect(await control({ ...cut, finalTrain: true })).toBe('unpruned');
  });

  it('prunes nothing itself, and shares a seed', async () => {
    expect(await control(A, { ...UNPRUNED, params: { ...train(60), prune: { fraction: 0.2 } } })).toBe(
      'no control trains as A does: unpruned prunes as well',
    );
    expect(await control(A, { ...UNPRUNED, seeds: [7] })).toBe('no positive control has a seed of A');
    expect(await control(A, { ...UNPRUNED, seeds: [0] }, { all: { ...UNPRUNED, seeds: [0, 1, 2] } })).toBe('all');
    expect(controlOf(await declared({ A }))).toBe('the study has no positive control');
  });

  it('is the same where the first round prunes before any training', async () => {
    const late = { perRound: { train: { steps: [0, 60, 60] } } };
    const arm = { params: { prune: { fraction: 0.1 } }, ...late };
    expect(await control(arm, { role: 'positive-control', ...late })).toBe('unpruned');
    expect(await control(arm)).toContain('no control trains as A does');
    expect(
      await control(
        { ...arm, params: { ...arm.params, init: { scheme: 'xavier' } } },
        { role: 'positive-control', ...late },
      ),
    ).toContain('no control starts as A does: init.scheme');
    // Cut at once, and nothing trained: the control is the model that it starts with.
    const cut = { rounds: 1, finalTrain: false, params: { ...train(0), prune: { fraction: 0.5 } } };
    expect(await control(cut, { role: 'positive-control', params: train(0) })).toBe('unpruned');
  });

  it('takes what single steps have of their own', async () => {
    expect(await control({ ...A, perStep: { train: { learningRate: 0.1 } } })).toContain(
      'learningRate is 0.001 in unpruned, 0.1 in A',
    );
  });

  it('trains by the stages of the study as well', () => {
    const { experiments, ...rest } = fixtureStudy([
      { ...fixtureArm('unpruned'), role: 'positive-control', fractions: repeat(0, 5) },
      fixtureArm('A'),
    ]);
    const taught = (temperatures: number[]) => ({
      ...rest,
      steps: { ...rest.steps, teach: { stage: 'distill', gatheredAs: ['curves'] } },
      experiments: experiments.map((each, i) => ({
        ...each,
        params: { ...each.params, distill: { temperature: temperatures[i]! } },
      })),
    });
    expect(controlOf(taught([1, 1]))).toBe('unpruned');
    expect(controlOf(taught([1, 2]))).toBe('no control trains as A does: distill.temperature is 1 in unpruned, 2 in A');
  });
});

const fixtureArm = (id: string, more: Partial<FixtureArm> = {}): FixtureArm => ({
  id,
  description: '',
  steps: repeat(60, 6),
  fractions: repeat(0.1, 5),
  ...more,
});

describe('the difference to the control', () => {
  it('is read where the arm ends: at the same round and after as many steps of a control that goes on', () => {
    const arms = [
      fixtureArm('A', { steps: repeat(60, 2), fractions: [0.1] }),
      fixtureArm('unpruned', { role: 'positive-control', fractions: repeat(0, 5) }),
    ];
    const results = studyResults(fixtureStudy(arms), fixturePieces(arms));
    const at = (id: string, round: number) =>
      results.runs
        .filter(({ experiment }) => experiment === id)
        .map(({ measurements }) => measurements.find((each) => each.round === round && each.phase === 'trained')!);
    expect(results.experiments[0]!.toControl).toMatchObject({
      baseline: 'unpruned',
      n: 3,
      points: at('unpruned', 2).map(({ evaluation }, seed) => ({ seed, baseline: evaluation!.loss })),
    });
    expect(at('unpruned', 2)[0]!.step).toBe(120);
    expect(at('unpruned', 6)[0]!.evaluation!.loss).not.toBe(at('unpruned', 2)[0]!.evaluation!.loss);
  });

  it('has the pairs of the seeds that both have, and says which have none', () => {
    const arms = [
      fixtureArm('A', { seeds: [0, 1, 2] }),
      fixtureArm('unpruned', { role: 'positive-control', fractions: repeat(0, 5), seeds: [1, 2, 3] }),
    ];
    const { toControl } = studyResults(fixtureStudy(arms), fixturePieces(arms)).experiments[0]!;
    expect(toControl).toMatchObject({
      n: 2,
      seeds: [1, 2],
      interval: { confidence: 0.95 },
      unpaired: [
        { experiment: 'A', seed: 0 },
        { experiment: 'unpruned', seed: 3 },
      ],
    });
  });

  it('is none against a control of other training, and the pilot says so of B1', () => {
    const arms = [
      fixtureArm('A1'),
      fixtureArm('B1', { steps: repeat(200, 6) }),
      fixtureArm('unpruned', { role: 'positive-control', fractions: repeat(0, 5) }),
    ];
    const { experiments, sweetSpots } = studyResults(fixtureStudy(arms), fixturePieces(arms));
    expect(experiments.map(({ toControl, noControl }) => [toControl?.baseline ?? null, noControl])).toEqual([
      ['unpruned', null],
      [null, 'no control trains as B1 does: unpruned trains 60 steps a round, B1 200'],
      [null, null],
    ]);
    expect(sweetSpots.map(({ control }) => control)).toEqual(['unpruned', null]);
    expect(sweetSpots[1]!.why).toBe(
      'What pruning costs cannot be told from what training does: no control trains as B1 does: unpruned trains 60 steps a round, B1 200.',
    );
  });
});

it('is missing to lint exactly where it is missing in the results', () => {
  const some: fc.Arbitrary<Partial<FixtureArm>> = fc.record({
    steps: fc.constantFrom(repeat(60, 3), repeat(60, 2), repeat(20, 3), [60, 20, 60]),
    scheme: fc.constantFrom('pretrained', 'xavier'),
    seeds: fc.constantFrom<number[]>([0, 1], [1, 2], [5]),
    params: fc.constantFrom<NonNullable<FixtureArm['params']>>(
      {},
      { eval: { sequences: 8 } },
      { train: { learningRate: 1 } },
      { rewind: { to: 'init' } },
    ),
  });
  fc.assert(
    fc.property(
      fc.array(some, { minLength: 1, maxLength: 4 }),
      fc.array(some, { maxLength: 3 }),
      (pruned, controls) => {
        const of = (fraction: number, more: Partial<FixtureArm>) => ({
          ...more,
          fractions: repeat(fraction, more.steps!.length - 1),
        });
        const arms = [
          ...pruned.map((each, i) => fixtureArm(`arm ${i}`, of(0.2, each))),
          ...controls.map((each, i) => fixtureArm(`control ${i}`, { ...of(0, each), role: 'positive-control' })),
        ];
        const ids = pruned.map((_, i) => `arm ${i}`);
        const comparison = {
          name: 'all',
          question: '?',
          topic: 'quality' as const,
          arms: ids as [string, string],
          varies: ['train.steps'],
          family: 'all',
          metrics: ['loss' as const],
          accept: {},
        };
        const study = { ...fixtureStudy(arms), comparisons: [comparison] };
        const said = lintStudy(study).find(({ rule }) => rule === 'missing-control')?.message ?? '';
        const [, named = ''] = /training and start of ([^;.]*)/.exec(said) ?? [];
        const { experiments } = studyResults(study, fixturePieces(arms));
        const missing = ids.filter((id) => experiments.find((each) => each.id === id)!.toControl === null);
        expect(named.split(/, | and /).filter((id) => id !== '')).toEqual(missing);
      },
    ),
    { numRuns: 15 },
  );
});

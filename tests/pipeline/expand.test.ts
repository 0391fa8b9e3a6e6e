/** A run written out: its steps in order, and what each input refers to. */
import { describe, expect, test } from 'vitest';
import { toyStudy } from '../support/toy-stages.ts';
import { runOf, studyOf } from './study-of.ts';

describe('a run written out', () => {
  test('repeats the round and ends with the final training', async () => {
    const run = runOf(await studyOf(toyStudy()), 'A1');
    expect([...run.keys()]).toEqual([
      'load@0',
      'init@0',
      'detect-start@0',
      'train@1',
      'detect-trained@1',
      'prune@1',
      'train@2',
      'detect-trained@2',
      'prune@2',
      'train@3',
      'detect-trained@3',
    ]);
  });

  test("takes the latest of several steps, this round's instance, and the mask in force", async () => {
    const run = runOf(await studyOf(toyStudy()), 'A1');
    expect(run.get('train@1')?.inputs).toEqual({ weights: 'init@0.weights' });
    expect(run.get('train@2')?.inputs).toEqual({ weights: 'prune@1.weights', mask: 'prune@1.mask' });
    expect(run.get('train@3')?.inputs).toEqual({ weights: 'prune@2.weights', mask: 'prune@2.mask' });
    expect(run.get('detect-trained@2')?.inputs.weights).toBe('train@2.weights');
    expect(run.get('prune@2')?.inputs).toEqual({ weights: 'train@2.weights', mask: 'prune@1.mask' });
  });

  test('a condition on a parameter chooses the reference', async () => {
    const study = toyStudy();
    study.experiments.X = {
      params: { init: { scheme: 'xavier' }, train: { state: 'keep' }, prune: { fraction: 0.1 } },
    };
    const resolved = await studyOf(study);
    expect(runOf(resolved, 'A1').get('detect-trained@2')?.inputs.reference).toBe('detect-start@0.found');
    expect(runOf(resolved, 'X').get('detect-trained@1')?.inputs).not.toHaveProperty('reference'); // never its own
    expect(runOf(resolved, 'X').get('detect-trained@2')?.inputs.reference).toBe('detect-trained@1.found');
    expect(runOf(resolved, 'A1').get('train@2')?.inputs).not.toHaveProperty('state');
    expect(runOf(resolved, 'X').get('train@2')?.inputs.state).toBe('train@1.state');
  });

  test('a step is left out where all parameters of "unless" hold, and what needs it is left out with it', async () => {
    const study = toyStudy();
    study.experiments.I1 = { perRound: { train: { steps: [0, 50, 50] }, prune: { fraction: [0.2, 0] } } };
    study.experiments.forced = { params: { prune: { force: 'reference' } } };
    const resolved = await studyOf(study);
    expect([...runOf(resolved, 'I1').keys()]).toEqual([
      'load@0',
      'init@0',
      'detect-start@0',
      'prune@1',
      'train@2',
      'detect-trained@2',
      'train@3',
      'detect-trained@3',
    ]);
    expect(runOf(resolved, 'I1').get('prune@1')?.inputs.weights).toBe('init@0.weights');
    expect(runOf(resolved, 'I1').get('train@3')?.inputs).toMatchObject({
      weights: 'train@2.weights',
      mask: 'prune@1.mask',
    });
    expect([...runOf(resolved, 'forced').keys()]).toContain('prune@2');
  });

  test('without the final training the last prune is the end', async () => {
    const study = toyStudy();
    study.experiments.short = { finalTrain: false, rounds: 1, params: { prune: { fraction: 0.5 } } };
    expect([...runOf(await studyOf(study), 'short').keys()].at(-1)).toBe('prune@1');
  });
});

describe("a parameter's value", () => {
  test('is the last one given of stage, defaults, profile, experiment, step, perRound', async () => {
    const rate = async (change: (study: ReturnType<typeof toyStudy>) => void) => {
      const study = toyStudy();
      study.profiles = { p: { experiments: ['A1'] } };
      study.defaultProfile = 'p';
      change(study);
      const run = runOf(await studyOf(study), 'A1');
      return [run.get('train@1')?.params.rate, run.get('train@2')?.params.rate, run.get('train@3')?.params.rate];
    };
    const set = (...levels: string[]) =>
      rate((study) => {
        if (!levels.includes('defaults')) study.defaults = { rounds: 2, seeds: [0] };
        if (levels.includes('profile'))
          study.profiles = { p: { experiments: ['A1'], params: { train: { rate: 0.3 } } } };
        const experiment: Record<string, unknown> = {
          params: levels.includes('experiment') ? { train: { rate: 0.4 } } : {},
        };
        if (levels.includes('perRound')) experiment.perRound = { train: { rate: [0.6, 0.7] } };
        study.experiments = { A1: experiment };
        if (levels.includes('step'))
          (study.dag[3] as { steps: { params?: object }[] }).steps[0]!.params = { rate: 0.5 };
      });
    expect(await set()).toEqual([0.1, 0.1, 0.1]);
    expect(await set('defaults')).toEqual([0.2, 0.2, 0.2]);
    expect(await set('defaults', 'profile')).toEqual([0.3, 0.3, 0.3]);
    expect(await set('defaults', 'profile', 'experiment')).toEqual([0.4, 0.4, 0.4]);
    expect(await set('defaults', 'profile', 'experiment', 'step')).toEqual([0.5, 0.5, 0.5]);
    expect(await set('defaults', 'profile', 'experiment', 'step', 'perRound')).toEqual([0.6, 0.7, 0.7]);
  });

  test('of the final training is the extra last one of a list, after however many rounds of a profile', async () => {
    const rates = async (rounds: number, list: number[]) => {
      const study = toyStudy();
      study.defaults = { rounds: 2, seeds: [0] };
      study.profiles = { p: { experiments: ['A1'], rounds } };
      study.defaultProfile = 'p';
      study.experiments = { A1: { perRound: { train: { rate: list } } } };
      const run = runOf(await studyOf(study), 'A1');
      return Array.from({ length: rounds + 1 }, (_, index) => run.get(`train@${index + 1}`)?.params.rate);
    };
    expect(await rates(2, [0.5, 0.6, 0.7])).toEqual([0.5, 0.6, 0.7]);
    expect(await rates(1, [0.5, 0.6, 0.7])).toEqual([0.5, 0.7]);
    expect(await rates(4, [0.5, 0.6, 0.7])).toEqual([0.5, 0.6, 0.6, 0.6, 0.7]);
    expect(await rates(1, [0.5, 0.6])).toEqual([0.5, 0.6]);
    expect(await rates(3, [0.5, 0.6])).toEqual([0.5, 0.6, 0.6, 0.6]);
  });

  test('is scaled if it counts steps: rounded, at least 1 unless 0, and not for an experiment that opts out', async () => {
    const study = toyStudy();
    study.profiles = {
      small: { experiments: ['*'], scaleSteps: 0.0015 },
      decimal: { experiments: ['half'], scaleSteps: 0.145 },
    };
    study.experiments.exact = { scaleSteps: false, params: { train: { steps: 3000, warmupSteps: 10 } } };
    study.experiments.tiny = { params: { train: { steps: 3, warmupSteps: 0 } } };
    study.experiments.half = { params: { train: { steps: 100 } } };
    const decimal = await studyOf(study, 'decimal');
    expect(runOf(decimal, 'half').get('train@1')?.params).toMatchObject({ steps: 15 }); // not 14.499999999999998
    const resolved = await studyOf(study, 'small');
    expect(runOf(resolved, 'A1').get('train@1')?.params).toMatchObject({ steps: 5, warmupSteps: 0 });
    expect(runOf(resolved, 'exact').get('train@1')?.params).toMatchObject({ steps: 3000, warmupSteps: 10 });
    expect(runOf(resolved, 'tiny').get('train@1')?.params).toMatchObject({ steps: 1, warmupSteps: 0 });
  });

  test("is the run's seed where the schema says so and nobody set it", async () => {
    const study = toyStudy();
    study.experiments.fixed = { params: { load: { checkpoint: 4 } } };
    const resolved = await studyOf(study);
    expect(runOf(resolved, 'A1', 1).get('load@0')?.params).toEqual({ checkpoint: 1 });
    expect(runOf(resolved, 'A1', 1).get('detect-start@0')?.params).toEqual({ largest: 30, seed: 7 });
    expect(runOf(resolved, 'fixed', 1).get('load@0')?.params).toEqual({ checkpoint: 4 });
    expect(runOf(resolved, 'fixed', 1).get('train@1')?.params).toMatchObject({ seed: 1 });
  });
});

describe('a profile', () => {
  test('chooses experiments by name or glob and says how the study is sized', async () => {
    const study = toyStudy();
    study.profiles = { some: { experiments: ['*2'], seeds: [5], rounds: 1, scaleSteps: 0.5 } };
    const { experiments, profile } = await studyOf(study, 'some');
    expect(experiments).toMatchObject([{ id: 'A2', seeds: [5], rounds: 1, scaleSteps: 0.5 }]);
    expect(profile).toMatchObject({ name: 'some', scaleSteps: 0.5 });
  });

  test('keeps of a comparison the arms that it has', async () => {
    const study = toyStudy();
    study.experiments.A3 = {};
    study.comparisons = [
      {
        name: 'pruning',
        question: 'How much?',
        topic: 'survival',
        arms: ['A1', 'A2', 'A3'],
        varies: ['prune.fraction'],
      },
      { name: 'other', question: 'And this?', topic: 'budget', arms: ['A1', 'A3'], varies: ['train.steps'] },
    ];
    study.profiles = { two: { experiments: ['A1', 'A2'] } };
    expect((await studyOf(study, 'two')).comparisons).toEqual([
      {
        name: 'pruning',
        question: 'How much?',
        topic: 'survival',
        arms: ['A1', 'A2'],
        varies: ['prune.fraction'],
        family: 'survival',
        metrics: ['loss'],
        accept: {},
      },
    ]);
  });
});

/** A study's declaration, read with types: parameters, who prunes, who trains. */
import { describe, expect, it } from 'vitest';
import type { ExperimentDeclaration } from '../../src/generated/aggregate.ts';
import { declaredRule, declaredRules } from '../../src/science/reference-sets.ts';
import {
  foreignPruningStages,
  ownStepValues,
  paramIn,
  paramOf,
  paramValues,
  pruningStages,
} from '../../src/science/study-declaration.ts';
import { fixtureStudy, repeat, type FixtureArm } from '../report/study-fixture.ts';

const arm = (id: string, more: Partial<FixtureArm> = {}): FixtureArm => ({
  id,
  description: '',
  steps: repeat(60, 6),
  fractions: repeat(0.1, 5),
  ...more,
});

describe('a declared parameter', () => {
  const study = fixtureStudy([arm('constant'), arm('by-round', { fractions: [0.05, 0.1, 0.15, 0.2, 0.25] })]);
  const [constant, byRound] = study.experiments as [ExperimentDeclaration, ExperimentDeclaration];

  it('is one value where rounds share it', () => {
    expect(paramOf(constant, 'prune', 'fraction')).toBe(0.1);
    expect(paramValues(constant, 'prune', 'fraction')).toEqual([0.1]);
    expect(paramIn(constant, 'prune', 'fraction', 4)).toBe(0.1);
  });

  it('is a value per round where they differ', () => {
    expect(paramOf(byRound, 'prune', 'fraction')).toBeUndefined();
    expect(paramValues(byRound, 'prune', 'fraction')).toEqual([0.05, 0.1, 0.15, 0.2, 0.25]);
    expect(paramIn(byRound, 'prune', 'fraction', 2)).toBe(0.1);
    expect(paramIn(byRound, 'prune', 'fraction', 6)).toBeUndefined();
  });

  it('is one value where that is a list', () => {
    expect(paramOf(constant, 'prune', 'prunable')).toEqual(['model.layers.*_proj.weight']);
  });

  it('is not there without its stage', () => {
    expect(paramOf(constant, 'rewind', 'to')).toBeUndefined();
    expect(paramValues(constant, 'rewind', 'to')).toEqual([]);
    expect(paramIn(constant, 'rewind', 'to', 1)).toBeUndefined();
  });

  it('may be a single step’s own', () => {
    const own = { ...constant, steps: { 'eval-start': { params: { restore: 'none' }, byRound: [] } } };
    expect(ownStepValues(study, own, 'eval', 'restore')).toEqual(['none']);
    expect(ownStepValues(study, own, 'detect-sw', 'model')).toEqual([]);
  });
});

describe('the rule under which a detection decides', () => {
  const rule = {
    ...{ ordinaryQuantile: 1, contributions: 0, jointSize: 1, jointFactor: 2 },
    spikeRatio: 4,
    minimumEffect: 0.1,
    controlFactor: 5,
    controlsPerKind: 4,
    maximumTwins: 2,
    candidateSequences: 16,
    causalSequences: 64,
  };
  const study = fixtureStudy([
    arm('pretrained', { params: { 'detect-sw': rule } }),
    arm('xavier', { scheme: 'xavier', params: { 'detect-sw': rule } }),
  ]);
  const [pretrained, xavier] = study.experiments as [ExperimentDeclaration, ExperimentDeclaration];
  const own = (experiment: ExperimentDeclaration): ExperimentDeclaration => ({
    ...experiment,
    byRound: [...experiment.byRound!, 'detect-sw.minimumEffect'],
    params: { ...experiment.params, 'detect-sw': { ...rule, minimumEffect: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6] } },
    steps: {
      'detect-start': { params: { spikeRatio: 1, minimumEffect: 0.7 }, byRound: [] },
      'detect-trained': { params: { spikeRatio: [2, 2, 2, 3, 3, 3] }, byRound: ['spikeRatio'] },
    },
  });

  it('is that of the detection that says "confirmed" or "none emerged"', () => {
    expect(declaredRules(study, pretrained)).toEqual({ reference: rule, all: [rule] });
    expect(declaredRules(study, own(pretrained)).reference).toEqual({ ...rule, spikeRatio: 1, minimumEffect: 0.7 });
    expect(declaredRules(study, own(xavier)).reference).toEqual({ ...rule, spikeRatio: 2, minimumEffect: 0.1 });
  });

  it('is told of every step and round, where they differ', () => {
    const experiment = own(pretrained);
    const at = (step: string, round: number) => {
      const { spikeRatio, minimumEffect } = declaredRule(study, experiment, { step, round })!;
      return [spikeRatio, minimumEffect];
    };
    expect(at('detect-start', 0)).toEqual([1, 0.7]);
    expect(at('detect-trained', 5)).toEqual([3, 0.5]);
    expect(at('detect-pruned', 5)).toEqual([4, 0.5]);
    expect(declaredRules(study, experiment).all).toHaveLength(1 + 6 + 5);
  });

  it('is not known of a stage of the study’s own', () => {
    const steps = Object.fromEntries(
      Object.entries(study.steps).map(([step, each]) => [
        step,
        each.stage === 'detect-sw' ? { ...each, stage: 'own' } : each,
      ]),
    );
    expect(declaredRules({ ...study, steps }, pretrained)).toEqual({ reference: undefined, all: [] });
  });
});

describe('the stages that prune', () => {
  const study = fixtureStudy([arm('a')]);
  const [experiment] = study.experiments as [ExperimentDeclaration];
  const foreign = { ...study, steps: { ...study.steps, prune: { ...study.steps['prune']!, stage: 'wanda' } } };

  it('are those whose report the study gathers, whatever their name', () => {
    expect(pruningStages(study)).toEqual(['prune']);
    expect(pruningStages(foreign)).toEqual(['wanda']);
    expect(foreignPruningStages(study)).toEqual([]);
    expect(foreignPruningStages(foreign)).toEqual(['wanda']);
  });

  it('are none where no such step runs', () => {
    const wirings = [[{ from: 1, to: 5, steps: [{ step: 'train', stage: 'train', inputs: {} }] }]];
    expect(pruningStages({ ...study, wirings }, { ...experiment, wiring: 0 })).toEqual([]);
  });
});

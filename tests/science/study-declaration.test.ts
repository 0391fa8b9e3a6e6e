/** A study's declaration, read with types: parameters, who prunes, who trains. */
import { describe, expect, it } from 'vitest';
import type { ExperimentDeclaration } from '../../src/generated/aggregate.ts';
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

/** The figure of emergence: one rule for the least effect that counts, if there is one for all. */
import { expect, it } from 'vitest';
import { emergence } from '../../src/report/figures/emergence.ts';
import type { StudyResults } from '../../src/report/read-results.ts';
import { controlsResults } from './controls-fixture.ts';

it('draws the least effect that counts only where all experiments have the same', async () => {
  const results = (await controlsResults()) as unknown as StudyResults;
  const specOf = (minimumEffect: number): string => {
    const experiments = results.study.experiments.map((experiment) => {
      const detect = experiment.params['detect-sw'] as Record<string, unknown>;
      return experiment.id === 'emerge-kaiming'
        ? { ...experiment, params: { ...experiment.params, 'detect-sw': { ...detect, minimumEffect } } }
        : experiment;
    });
    return JSON.stringify(emergence.draw({ ...results, study: { ...results.study, experiments } }).plots[0]!.spec);
  };
  expect(specOf(0.1)).toContain('least effect that counts (0.1');
  expect(specOf(0.2)).not.toContain('least effect that counts');
});

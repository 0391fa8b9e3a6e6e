/** Intervals have the confidence that the study declares, and the report says so wherever it shows one. */
import { expect, it } from 'vitest';
import { survivalCounts } from '../../src/report/figures/survival-counts.ts';
import { cautions } from '../../src/report/page/summary-text.ts';
import { experimentsTable } from '../../src/report/page/tables.ts';
import type { StudyResults } from '../../src/report/read-results.ts';
import { studyResults } from '../../src/science/results/study-results.ts';
import { fixturePieces, fixtureStudy } from './study-fixture.ts';

it.each([
  [0.95, '95 %', '29 %'],
  [0.8, '80 %', '46 %'],
])('at a confidence of %s', (confidence, percent, leastOfThree) => {
  const declared = fixtureStudy();
  const study = { ...declared, analysis: { ...declared.analysis, confidence } };
  const results = studyResults(study, fixturePieces()) as unknown as StudyResults;
  expect(experimentsTable(results).source).toContain(`brackets: ${percent.replace(' ', '\u00a0')} intervals`);
  expect(cautions(results).join(' ')).toContain(`even 3 of 3 is compatible with a rate of ${leastOfThree}`);
  const { caption, plots } = survivalCounts.draw(results);
  expect(caption).toContain(`3 of 3 is compatible with ${leastOfThree}`);
  expect(JSON.stringify(plots[0]!.spec)).toContain(`, ${percent} interval `);
});

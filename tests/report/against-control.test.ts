/** What the report shows against a control, and what it shows where an arm has none. */
import { expect, it } from 'vitest';
import { budgetLadder } from '../../src/report/figures/budget-ladder.ts';
import { increaseRows } from '../../src/report/increase.ts';
import { differencesTable } from '../../src/report/page/comparison-tables.ts';
import { experimentsTable } from '../../src/report/page/tables.ts';
import type { StudyResults } from '../../src/report/read-results.ts';
import { studyResults } from '../../src/science/results/study-results.ts';
import { fixturePieces, fixtureStudy } from './study-fixture.ts';

const results = studyResults(fixtureStudy(), fixturePieces()) as unknown as StudyResults;
const MISSING = 'no control trains as B1 does: unpruned trains 60 steps a round, B1 200';

it('has an increase in the file of the budget only of arms with a control, whose name stands beside it', () => {
  const { rows } = budgetLadder.draw(results).plots[0]!;
  const of = (id: string) => rows.filter(({ experiment }) => experiment === id);
  expect(of('A1').map(({ control, increase }) => [control, typeof increase])).toEqual(
    of('A1').map(() => ['unpruned', 'number']),
  );
  expect(of('B1').map(({ control, increase }) => [control, increase])).toEqual(of('B1').map(() => [null, null]));
  expect(increaseRows(results, 'A1').length).toBeGreaterThan(0);
  expect(increaseRows(results, 'B1')).toEqual([]);
});

it('says in the overview why an arm has no difference to a control', () => {
  expect(String(experimentsTable(results))).toContain(MISSING);
});

it('does not say that nothing differs between a pretrained arm and one from scratch', () => {
  const text = String(differencesTable(results, results.comparisons));
  expect(text).toContain('its pretraining, of unknown length, in B1');
});

/** The search of the DAG's page: words that stand in what is known of a node, and selectors as elsewhere. */
import { expect, test } from 'vitest';
import { matches } from '../../src/report/dag-page/browser/search.ts';
import type { PageNode } from '../../src/report/dag-page/page-data.ts';

const node = (runs: string[], round: number, params: Record<string, unknown>): PageNode => ({
  ...{ key: '3fa9c1', stage: 'eval', step: 'eval-pruned', round, runs, params },
  ...{ state: 'blocked', reason: '', inputs: [], metrics: {}, artifacts: [] },
});
const EVALUATION = node(['A1/s7', 'B/s/s12'], 1, { seed: 20241, restore: 'none' });

test.each([
  ['seed=7', true],
  ['seed=12', true],
  ['seed=2', false], // neither a part of 12 nor one of the parameter
  ['seed=20241', true],
  ['round=1', true],
  ['step=eval-pruned seed=7', true],
  ['stage=eval seed=1 round=1', false],
  ['experiment=a1 key=3fa9', true],
  ['blocked restore="none"', true],
  ['experiment=b/s eval', true],
])('%s: %s', (words, found) => expect(matches(EVALUATION, words)).toBe(found));

test('round 1 is not found in round 10', () => {
  expect([1, 10].map((round) => matches(node(['A1/s0'], round, {}), 'round=1'))).toEqual([true, false]);
});

/** Which earlier record a node without one of its own is compared with; the records are read once for all nodes. */
import { DirectedGraph } from 'graphology';
import { expect, it } from 'vitest';
import type { JsonObject } from '../../src/base/json.ts';
import type { UnsealedRecord } from '../../src/cache/record.ts';
import type { Dag } from '../../src/engine/dag-builder.ts';
import { Explainer } from '../../src/engine/explanation.ts';
import { RecipeIndex } from '../../src/engine/nearest-recipe.ts';
import type { PlannedNode } from '../../src/engine/node.ts';
import { toyStages } from '../support/toy-stages.ts';

const recipe = (params: JsonObject, more: JsonObject = {}) => ({
  preimage: { stage: 'train', code: 'a', params, ...more },
});
const nearest = (items: { preimage: JsonObject }[], wanted: { preimage: JsonObject }) =>
  new RecipeIndex(items).nearest(wanted.preimage).map((item) => items.indexOf(item));

it('is the one with the fewest parameters that differ, or all that differ in as few', () => {
  const items = [
    recipe({ steps: 1, rate: 2, list: [1] }),
    recipe({ steps: 3, rate: 2, list: [1] }),
    recipe({ steps: 3 }),
  ];
  expect(nearest(items, recipe({ steps: 3, rate: 2, list: [1, 2] }))).toEqual([1]);
  expect(nearest(items, recipe({ steps: 3 }))).toEqual([2]);
  expect(nearest(items, recipe({ steps: 7, rate: 7, list: [7] }))).toEqual([0, 1, 2]);
  expect(nearest(items, { preimage: { toString: 'x', params: { constructor: 1 } } })).toEqual([2]);
  expect(new RecipeIndex([]).nearest({})).toEqual([]);
});

it('takes an input that differs for less than a value that does', () => {
  const inputs = (key: string) => ({ inputs: { weights: { key, artifact: 'weights' } } });
  const items = [recipe({ steps: 2 }, inputs('a')), recipe({ steps: 1 }, inputs('b'))];
  expect(nearest(items, recipe({ steps: 1 }, inputs('a')))).toEqual([1]);
});

const NOTHING_EARLIER = { lastKey: () => undefined, places: () => new Map<string, string>(), ofOthers: () => [] };

it('reads the records of a stage once, however many nodes are explained', async () => {
  const record = (steps: number) => ({ key: `r${steps}`, environment: {}, ...recipe({ steps, rate: steps }) });
  const records = Array.from({ length: 200 }, (_, steps) => record(steps) as unknown as UnsealedRecord);
  let reads = 0;
  const history = {
    recorded: () => Promise.resolve(undefined),
    ofStage: () => Promise.resolve((reads++, records)),
  };
  const explainer = new Explainer(new DirectedGraph() as Dag, history, NOTHING_EARLIER, () => Promise.resolve({}));
  const node = (steps: number) =>
    ({
      key: `n${steps}`,
      stage: toyStages.train!,
      labels: [{ experiment: 'A1', seed: 0, round: 1, step: 'train' }],
      ...recipe({ steps, rate: -1 }),
    }) as unknown as PlannedNode;
  const explanations = await Promise.all(
    records.map((_, steps) => explainer.explain({ node: node(steps), state: 'missing', reason: { kind: 'missing' } })),
  );
  expect(explanations.map(({ comparedWith }) => comparedWith)).toEqual(records.map(({ key }) => key));
  expect(explanations[7]!.causes).toMatchObject([{ path: 'params.rate', before: 7, after: -1 }]);
  expect(reads).toBe(1);
});

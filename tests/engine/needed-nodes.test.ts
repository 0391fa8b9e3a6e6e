/** What a run has to settle, for what was asked. */
import { describe, expect, it } from 'vitest';
import { neededNodes, type Wanted } from '../../src/engine/needed-nodes.ts';
import type { Plan, PlannedState } from '../../src/engine/plan.ts';

/** a -> b -> c; all of them are gathered by g; x stands alone. */
function planWith(cached: string[]): Plan {
  const inputs: Record<string, string[]> = { a: [], b: ['a'], c: ['b'], x: [], g: [] };
  const nodes = Object.entries(inputs).map(([key, producers]) => {
    const gathers =
      key === 'g' ? { all: ['a', 'b', 'c', 'x'].map((producer) => ({ key: producer, artifact: 'result' })) } : {};
    const node = {
      key,
      inputs: Object.fromEntries(producers.map((producer) => [producer, { key: producer, artifact: 'result' }])),
      gathers,
    };
    return [key, { node, state: cached.includes(key) ? 'cached' : 'missing' }] as unknown as [string, PlannedState];
  });
  return { nodes: new Map(nodes), warnings: [] };
}

const keysFor = (cached: string[], wanted: Wanted) => neededNodes(planWith(cached), wanted).map(({ node }) => node.key);

describe('a run needs', () => {
  it('everything, if nothing was asked for', () => expect(keysFor([], {})).toEqual(['a', 'b', 'c', 'x', 'g']));
  it('its targets and what they need, producers first', () =>
    expect(keysFor([], { targets: ['c'] })).toEqual(['a', 'b', 'c']));
  it('nothing above a cached node', () => expect(keysFor(['b'], { targets: ['c'] })).toEqual(['b', 'c']));
  it('all producers of a gathering target', () =>
    expect(keysFor([], { targets: ['g'] })).toEqual(['a', 'b', 'c', 'x', 'g']));
  it('no producers of what only gathers what there is', () =>
    expect(keysFor([], { targets: ['a'], gather: ['g'] })).toEqual(['a', 'g']));
});

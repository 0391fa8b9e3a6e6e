/** Selects tensors of a model by what they are and by globs over their names. */
import { globMatcher } from '../base/glob.ts';
import { blockMatrices } from './block-matrices.ts';
import type { TensorTable } from './decoder/family.ts';
import type { Weights } from './language-model.ts';

/** Stands for the block matrices, whatever the family calls them. */
export const BLOCKS = 'blocks';

/**
 * The tensors that match any pattern, in the order given.
 * @param patterns globs over names, or `blocks`
 * @throws Error naming a pattern that matches nothing: a typo must not shrink the prunable set in silence
 */
export function selectTensors(weights: Weights, tensors: TensorTable, patterns: readonly string[]): Weights {
  const blocks = new Set(blockMatrices(tensors));
  const matchers = patterns.map((pattern) => {
    const matches = pattern === BLOCKS ? (name: string) => blocks.has(name) : globMatcher(pattern, { dot: true });
    if (![...weights.keys()].some((name) => matches(name)))
      throw new Error(`The pattern "${pattern}" matches none of the tensors: ${[...weights.keys()].join(', ')}.`);
    return matches;
  });
  return new Map([...weights].filter(([name]) => matchers.some((matches) => matches(name))));
}

/** Selects tensors by globs over their names. */
import picomatch from 'picomatch';
import type { Weights } from './language-model.ts';

/**
 * The tensors that match any pattern, in the order given.
 * @throws Error naming a pattern that matches nothing: a typo must not shrink the prunable set in silence
 */
export function selectTensors(weights: Weights, patterns: readonly string[]): Weights {
  const matchers = patterns.map((pattern) => {
    const matches = picomatch(pattern, { dot: true });
    if (![...weights.keys()].some((name) => matches(name)))
      throw new Error(`The pattern "${pattern}" matches none of the tensors: ${[...weights.keys()].join(', ')}.`);
    return matches;
  });
  return new Map([...weights].filter(([name]) => matchers.some((matches) => matches(name))));
}

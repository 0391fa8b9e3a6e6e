/** What became of a followed weight, and what zeroing it costs, in words. */
import type { WeightSurvival } from '../generated/results.ts';
import { decimal } from './wording.ts';

export type Fate = 'kept' | 'disconnected' | 'pruned';

/** A weight that is there and multiplies nothing is not kept. */
export function fateOf({ kept, disconnected }: Pick<WeightSurvival, 'kept' | 'disconnected'>): Fate {
  return kept ? 'kept' : disconnected ? 'disconnected' : 'pruned';
}

/** `, disconnected in 1 (there, but it multiplies nothing)`; empty if none is. */
export function disconnectedText(n: number): string {
  return n === 0 ? '' : `, disconnected in ${n} (there, but it multiplies nothing)`;
}

/**
 * `1.234 ± 0.021`, the standard error to two figures; without it where it is not known, and for what is exactly 0.
 * @param levels effects from which on zeroing counts: the text keeps its side of them
 */
export function effectText(effect: number, standardError: number | null, levels: readonly number[] = []): string {
  if (standardError === null) return decimal(effect, 3, levels);
  if (standardError === 0) return effect === 0 ? '0' : decimal(effect, 3, levels);
  const digits = Math.min(9, Math.max(3, 1 - Math.floor(Math.log10(standardError))));
  return `${decimal(effect, digits, levels)} ± ${decimal(standardError, digits)}`;
}

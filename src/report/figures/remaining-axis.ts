/**
 * The axis of sparsity that is logarithmic in what remains. What remains of a model that is pruned whole has no
 * logarithm: it stands at the end of the axis, under a label of its own, and takes no room from the others.
 */
import { smallest } from '../../base/extremes.ts';
import type { Spec } from '../chart.ts';
import { percent } from '../wording.ts';

/** How far beyond the least that remains elsewhere nothing at all stands: a factor. */
const APART = 0.72;

/** The least that remains on an axis whose models are pruned little or not at all. */
const ROOM = 0.7;

const STEPS = [0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99];
const EARLY_STEPS = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6];

export interface RemainingAxis {
  /** Of Vega-Lite, for the field `remaining`. */
  channel: Spec;
  /** The value of that field for a sparsity. */
  place(sparsity: number): number;
}

/** @param sparsities of all that is to be drawn, from 0 to 1 */
export function remainingAxis(sparsities: readonly number[]): RemainingAxis {
  const least = Math.min(ROOM, smallest(sparsities.map((sparsity) => 1 - sparsity).filter((rest) => rest > 0)));
  const isWhole = sparsities.some((sparsity) => sparsity >= 1);
  const end = isWhole ? least * APART : least;
  // Beyond a hundredth, a label a decade.
  const later = Array.from({ length: Math.max(0, Math.ceil(-Math.log10(least)) - 2) }, (_, i) => 10 ** -(i + 3));
  const steps = least > 0.45 ? EARLY_STEPS : STEPS.filter((step) => later.length < 3 || step !== 0.97);
  const ticks = [...steps.map((sparsity) => Number((1 - sparsity).toFixed(4))), ...later].filter(
    (rest) => rest >= least * 0.93,
  );
  const values = isWhole ? [...ticks.filter((rest) => rest >= end * 1.2), end] : ticks;
  return {
    channel: {
      field: 'remaining',
      type: 'quantitative',
      scale: { type: 'log', domain: [1.04, end * 0.93], nice: false },
      axis: {
        title: `sparsity (scale: logarithm of what remains${isWhole ? '; 100 % has none and stands at the end' : ''})`,
        values,
        labelExpr: `{${values.map((rest) => `'${rest}': '${isWhole && rest === end ? '100 %' : label(rest)}'`).join(', ')}}[datum.value]`,
        grid: false,
        labelOverlap: false,
      },
    },
    place: (sparsity) => (sparsity >= 1 ? end : 1 - sparsity),
  };
}

/** `80%`, `99.9%`: as many figures as tell it from 100 %. */
function label(rest: number): string {
  const digits = Math.max(0, Math.ceil(-Math.log10(rest) - 1e-9) - 2);
  return percent(1 - rest, digits).replace(/\s/g, '');
}

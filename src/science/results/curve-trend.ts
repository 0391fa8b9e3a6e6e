/**
 * Whether a training still moved in a round: the change of its loss from the first half to the second, held against its
 * own error.
 *
 * Where the language's probabilities are known, the loss above what the language itself loses on the same batches is
 * used: what a batch happens to hold is the larger part of the noise of a batch's loss, and cancels.
 *
 * The error is that of block means (batch means; Flegal & Jones 2010, Annals of Statistics 38(2)) around their
 * least-squares line, so that a steady fall is no noise. Every batch is new, so consecutive steps share no data, but
 * they share weights that wander; where the residuals of neighbouring blocks still go together, blocks are joined in
 * pairs until they do not, or too few are left.
 */
import { sampleMean } from '../../base/sample-mean.ts';
import { square } from '../../base/stated-math.ts';
import type { LossCurve } from '../../generated/curve.ts';
import type { CurveTrend } from '../../generated/results.ts';
import { upperQuantile } from '../statistics/student-t.ts';

const MOST_BLOCKS = 32;
/** Two degrees of freedom are left for the error. */
const FEWEST_BLOCKS = 4;
/** Below this many, an autocorrelation cannot be told from none, and joining blocks would leave too few. */
const FEWEST_TO_JOIN = 16;
/** Standard deviations of a lag-1 autocorrelation of independent residuals (1 / sqrt(n)) from which it counts. */
const AUTOCORRELATED = 1.64;

/**
 * @param tolerance nats within which a loss counts as the same
 * @returns null for a round of fewer than four logged points, or without any noise to judge by
 */
export function curveTrend({ points }: LossCurve, confidence: number, tolerance: number): CurveTrend | null {
  if (points.length < FEWEST_BLOCKS) return null;
  const excesses = points.flatMap(({ loss, surprisal }) => (surprisal === null ? [] : [loss - surprisal]));
  const basis = excesses.length === points.length ? 'excess' : 'loss';
  const values = basis === 'excess' ? excesses : points.map(({ loss }) => loss);
  let blocks = blockMeans(values, Math.min(MOST_BLOCKS, values.length - (values.length % 2)));
  while (blocks.length >= FEWEST_TO_JOIN && isAutocorrelated(residuals(blocks)))
    blocks = blockMeans(values, 2 * Math.floor(blocks.length / 4));
  const half = blocks.length / 2;
  const change = sampleMean(blocks.slice(half)) - sampleMean(blocks.slice(0, half));
  const degrees = blocks.length - 2;
  const squares = residuals(blocks).reduce((sum, residual) => sum + square(residual), 0);
  // Var(mean of n/2) + Var(mean of n/2) = 4 / n of a block's variance
  const standardError = Math.sqrt(((squares / degrees) * 4) / blocks.length);
  if (!(standardError > 0)) return null;
  const reach = upperQuantile((1 - confidence) / 2, degrees) * standardError;
  const interval = { lower: change - reach, upper: change + reach, confidence };
  return { basis, blocks: blocks.length, change, standardError, interval, state: stateOf(interval, tolerance) };
}

function stateOf({ lower, upper }: CurveTrend['interval'], tolerance: number): CurveTrend['state'] {
  if (lower > -tolerance && upper < tolerance) return 'settled';
  return lower > 0 || upper < 0 ? 'moving' : 'open';
}

/** Means of `count` blocks of consecutive values, as equally long as can be. */
function blockMeans(values: readonly number[], count: number): number[] {
  const bound = (block: number) => Math.round((block * values.length) / count);
  return Array.from({ length: count }, (_, block) => sampleMean(values.slice(bound(block), bound(block + 1))));
}

/** What the least-squares line through the values at 0, 1, 2, ... leaves. */
function residuals(values: readonly number[]): number[] {
  const middle = (values.length - 1) / 2;
  const average = sampleMean(values);
  let slope = 0;
  let squares = 0;
  for (const [place, value] of values.entries()) {
    slope += (place - middle) * (value - average);
    squares += square(place - middle);
  }
  return values.map((value, place) => value - average - (slope / squares) * (place - middle));
}

function isAutocorrelated(values: readonly number[]): boolean {
  let products = 0;
  let squares = 0;
  for (const [place, value] of values.entries()) {
    if (place > 0) products += value * values[place - 1]!;
    squares += square(value);
  }
  return products > (AUTOCORRELATED / Math.sqrt(values.length)) * squares;
}

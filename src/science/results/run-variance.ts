/** How much the runs of one experiment differ among themselves. */
import type { RunVariance } from '../../generated/results.ts';
import { deviationInterval } from '../statistics/deviation-interval.ts';
import { spread } from '../statistics/spread.ts';
import { distinctEnds, distinctFinalLosses, type Arm } from './paired-difference.ts';

/**
 * The run-to-run spread of the log-perplexity at the end, with the interval that so few runs leave for it. Runs that
 * are one computation count once.
 */
export function runVariance({ experiment, runs }: Arm, confidence: number): RunVariance {
  const losses = distinctFinalLosses(runs);
  return {
    experiment: experiment.id,
    declared: runs.length,
    copies: runs.length - distinctEnds(runs).length,
    ...spread(losses),
    sdInterval: deviationInterval(losses, confidence) ?? null,
  };
}

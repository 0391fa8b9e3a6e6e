/** How much the runs of one experiment differ among themselves. */
import type { RunVariance } from '../../generated/results.ts';
import { deviationInterval } from '../statistics/deviation-interval.ts';
import { spread } from '../statistics/spread.ts';
import { finalLosses, type Arm } from './paired-difference.ts';

/** The run-to-run spread of the log-perplexity at the end, with the interval that so few runs leave for it. */
export function runVariance({ experiment, runs }: Arm, confidence: number): RunVariance {
  const losses = [...finalLosses(runs).values()];
  return {
    experiment: experiment.id,
    declared: runs.length,
    ...spread(losses),
    sdInterval: deviationInterval(losses, confidence) ?? null,
  };
}

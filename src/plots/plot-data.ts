/** The report's main figures as numbers, from results.json: what the terminal draws and `swp plots --json` prints. */
import type { ExperimentResult, Interval, Measurement, Proportion, RunResult } from '../generated/results.ts';
import type { StudyResults } from '../report/read-results.ts';

/** Final log-perplexity above the language's entropy, nats per token. */
export interface QualityRow {
  experiment: string;
  /** Declared runs. */
  declared: number;
  points: { seed: number; value: number }[];
  mean: number | null;
  /** t interval of the mean; null with fewer than two runs. */
  interval: Interval | null;
}

/** Log-perplexity above the entropy at each sparsity that runs were retrained at. */
export interface SparsityRow {
  experiment: string;
  seed: number;
  level: number;
  sparsity: number;
  value: number;
}

/** In how many runs the super weight survived, at the experiment's end. */
export interface SurvivalRow {
  experiment: string;
  /** Runs in which no super weight was there to survive. */
  noneEmerged: number;
  missing: number;
  kept: Proportion;
  functional: Proportion;
  redetected: Proportion;
}

export interface CurveRow {
  experiment: string;
  seed: number;
  points: { step: number; loss: number }[];
  /** Cumulative training steps after which something was pruned. */
  prunes: number[];
}

/** Above the entropy of the language; the loss itself where that is unknown. */
export function qualityRows({ experiments, runs, floor }: StudyResults): QualityRow[] {
  return experiments.map((experiment) => {
    const points = runs
      .filter((run) => run.experiment === experiment.id)
      .flatMap((run) => {
        const loss = endOf(run, experiment)?.evaluation?.loss;
        return loss === undefined ? [] : [{ seed: run.seed, value: loss - (floor ?? 0) }];
      });
    const { lossInterval } = experiment;
    return {
      experiment: experiment.id,
      declared: experiment.declared,
      points,
      mean: points.length === 0 ? null : points.reduce((sum, { value }) => sum + value, 0) / points.length,
      interval:
        lossInterval === null
          ? null
          : { ...lossInterval, lower: lossInterval.lower - (floor ?? 0), upper: lossInterval.upper - (floor ?? 0) },
    };
  });
}

export function sparsityRows({ runs, floor }: StudyResults): SparsityRow[] {
  return runs.flatMap(({ experiment, seed, measurements }) =>
    measurements.flatMap(({ phase, level, sparsity, evaluation }) =>
      phase === 'pruned' || sparsity === null || evaluation === null
        ? []
        : [{ experiment, seed, level, sparsity, value: evaluation.loss - (floor ?? 0) }],
    ),
  );
}

export function survivalRows({ experiments }: StudyResults): SurvivalRow[] {
  return experiments.flatMap(({ id, points }) => {
    const end = points.at(-1);
    if (end === undefined) return [];
    const { noneEmerged, missing, kept, functional, redetectedSame } = end.survival;
    return [{ experiment: id, noneEmerged, missing, kept, functional, redetected: redetectedSame }];
  });
}

export function curveRows({ runs }: StudyResults): CurveRow[] {
  return runs.flatMap(({ experiment, seed, curves, measurements }) => {
    const points = curves.flatMap(({ points }) => points.map(({ step, loss }) => ({ step, loss })));
    const prunes = measurements.flatMap(({ phase, step }) => (phase === 'pruned' && step !== null ? [step] : []));
    return points.length === 0 ? [] : [{ experiment, seed, points, prunes: [...new Set(prunes)] }];
  });
}

/** A run's last measurement, if it reached its experiment's end. */
function endOf({ measurements }: RunResult, { points }: ExperimentResult): Measurement | undefined {
  const end = points.at(-1);
  return measurements.find(({ round, phase }) => round === end?.round && phase === end.phase);
}

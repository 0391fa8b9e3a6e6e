/** The report's main figures as numbers, from results.json: what the terminal draws and `swp plots --json` prints. */
import { sampleMean } from '../base/sample-mean.ts';
import type { Interval, MeasuredEvaluation, Proportion } from '../generated/results.ts';
import { replicatesOf } from '../report/arms.ts';
import { distinctEnds } from '../report/computations.ts';
import type { StudyResults } from '../report/read-results.ts';

/** Final log-perplexity above what the language itself loses on the same tokens, nats per token. */
export interface QualityRow {
  experiment: string;
  /** Declared runs that are no copies of an earlier one. */
  declared: number;
  points: { seed: number; value: number }[];
  mean: number | null;
  /** t interval of the mean; null with fewer than two runs. */
  interval: Interval | null;
}

/** Log-perplexity above the language on the same tokens, at each sparsity that runs were retrained at. */
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

/** Above the language on the same tokens; the loss itself where that is not known of all runs. */
export function qualityRows(results: StudyResults): QualityRow[] {
  const { experiments } = results;
  const above = aboveLanguage(results);
  return experiments.map((experiment) => {
    const ends = distinctEnds(results, [experiment.id]).flatMap(({ run, measured: { evaluation } }) => {
      return evaluation ? [{ seed: run.seed, value: above(evaluation), loss: evaluation.loss }] : [];
    });
    const points = ends.map(({ seed, value }) => ({ seed, value }));
    const { lossInterval } = experiment;
    // All runs read the same tokens: what is subtracted of each is the same.
    const shift = sampleMean(ends.map(({ value, loss }) => loss - value));
    return {
      experiment: experiment.id,
      declared: experiment.declared - experiment.copies,
      points,
      mean: points.length === 0 ? null : sampleMean(points.map(({ value }) => value)),
      interval:
        lossInterval === null
          ? null
          : { ...lossInterval, lower: lossInterval.lower - shift, upper: lossInterval.upper - shift },
    };
  });
}

export function sparsityRows(results: StudyResults): SparsityRow[] {
  const above = aboveLanguage(results);
  const runs = results.experiments.flatMap(({ id }) => replicatesOf(results, id));
  return runs.flatMap(({ experiment, seed, measurements }) =>
    measurements.flatMap(({ phase, level, sparsity, evaluation }) =>
      phase === 'pruned' || sparsity === null || evaluation === null
        ? []
        : [{ experiment, seed, level, sparsity, value: above(evaluation) }],
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

export function curveRows(results: StudyResults): CurveRow[] {
  const runs = results.experiments.flatMap(({ id }) => replicatesOf(results, id));
  return runs.flatMap(({ experiment, seed, curves, measurements }) => {
    const points = curves.flatMap(({ points }) => points.map(({ step, loss }) => ({ step, loss })));
    const prunes = measurements.flatMap(({ phase, step }) => (phase === 'pruned' && step !== null ? [step] : []));
    return points.length === 0 ? [] : [{ experiment, seed, points, prunes: [...new Set(prunes)] }];
  });
}

/** One scale for all that is drawn together. */
function aboveLanguage({ runs }: StudyResults): (evaluation: MeasuredEvaluation) => number {
  const isKnown = runs.every(({ measurements }) => measurements.every(({ evaluation }) => evaluation?.excess !== null));
  return ({ loss, excess }) => (isKnown ? excess! : loss);
}

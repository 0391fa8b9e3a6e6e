/** What sparsity costs: the increase of log-perplexity over the positive control, seed by seed. */
import { resultOf, runsOf } from './arms.ts';
import type { StudyResults } from './read-results.ts';

export interface IncreaseRow {
  experiment: string;
  control: string;
  seed: number;
  round: number;
  level: number;
  sparsity: number;
  loss: number;
  controlLoss: number;
  increase: number;
  [column: string]: string | number;
}

/**
 * Log-perplexity after each retraining (or after a last prune that none follows) minus that of the positive control
 * with the same seed, at the same round and after as many training steps. Empty where there is no such control.
 */
export function increaseRows(results: StudyResults, id: string): IncreaseRow[] {
  const control =
    results.sweetSpots.find(({ experiment }) => experiment === id)?.control ??
    resultOf(results, id).toControl?.baseline;
  if (control === undefined || control === null) return [];
  return runsOf(results, id).flatMap(({ seed, measurements }) => {
    const twin = runsOf(results, control).find((run) => run.seed === seed);
    return measurements.flatMap(({ phase, round, level, step, sparsity, evaluation }, i) => {
      // some arms end with a prune
      const counts = phase === 'trained' || (phase === 'pruned' && i === measurements.length - 1);
      const other = twin?.measurements.find(
        (each) => each.phase === 'trained' && each.round === round && each.step === step,
      )?.evaluation;
      if (!counts || sparsity === null || evaluation === null || !other) return [];
      return {
        experiment: id,
        control,
        seed,
        round,
        level,
        sparsity,
        loss: evaluation.loss,
        controlLoss: other.loss,
        increase: evaluation.loss - other.loss,
      };
    });
  });
}

/** Each run's last. */
export function lastRows(rows: readonly IncreaseRow[]): IncreaseRow[] {
  return rows.filter(
    (row, i) => !rows.slice(i + 1).some((later) => later.experiment === row.experiment && later.seed === row.seed),
  );
}

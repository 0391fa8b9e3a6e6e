/** What sparsity costs: the increase of log-perplexity over the control, seed by seed. */
import { groupBy } from '../base/groups.ts';
import { controlMeasurement } from '../science/results/control-pairs.ts';
import { copiedPairs } from '../science/results/paired-difference.ts';
import { endOf, resultOf, runsOf } from './arms.ts';
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
 * Log-perplexity after each retraining (or after a last prune that none follows) minus that of the arm's control with
 * the same seed, at the same round and after as many training steps; pairs that are copies of an earlier one are left
 * out. Empty where the arm has no control.
 */
export function increaseRows(results: StudyResults, id: string): IncreaseRow[] {
  const control = resultOf(results, id).toControl?.baseline;
  if (control === undefined) return [];
  const pairs = runsOf(results, id).flatMap(({ seed, measurements }) => {
    const twin = runsOf(results, control).find((run) => run.seed === seed);
    return measurements.flatMap(({ phase, round, level, step, sparsity, evaluation, computation }, i) => {
      // some arms end with a prune
      const counts = phase === 'trained' || (phase === 'pruned' && i === measurements.length - 1);
      const against = controlMeasurement(twin, { round, step });
      const other = against?.evaluation;
      if (!counts || sparsity === null || evaluation === null || !other) return [];
      const row: IncreaseRow = {
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
      return { row, arm: computation, baseline: against.computation };
    });
  });
  const moments = groupBy(pairs, ({ row: { round, level } }) => `${round} ${level}`);
  const copies = new Set([...moments.values()].flatMap((own) => copiedPairs(own)));
  return pairs.filter((pair) => !copies.has(pair)).map(({ row }) => row);
}

/** Each experiment's at its end; a run that did not get there has none. */
export function lastRows(results: StudyResults, rows: readonly IncreaseRow[]): IncreaseRow[] {
  return rows.filter((row) => {
    const end = endOf(results, row.experiment);
    return row.round === end?.round && row.level === end.level;
  });
}

/** What prunes cost at once and what training wins back, in a sentence. */
import type { StudyResults } from '../read-results.ts';
import { natsText } from '../verdict-text.ts';
import { counted, percent } from '../wording.ts';

/** @param ids experiments whose prunes are looked at */
export function trajectoryText(results: StudyResults, ids: readonly string[]): string {
  const jumps = ids.flatMap((id) =>
    results.runs
      .filter(({ experiment }) => experiment === id)
      .flatMap(({ seed, measurements }) =>
        measurements.flatMap((measured, i) => {
          const before = measurements[i - 1];
          if (measured.phase !== 'pruned' || !measured.evaluation || !before?.evaluation) return [];
          return [
            {
              id,
              seed,
              round: measured.round,
              sparsity: measured.sparsity,
              jump: measured.evaluation.loss - before.evaluation.loss,
              after: measurements[i + 1]?.evaluation?.loss,
              was: before.evaluation.loss,
            },
          ];
        }),
      ),
  );
  const worst = [...jumps].sort((a, b) => b.jump - a.jump)[0];
  if (worst === undefined) return 'No prune was evaluated before and after.';
  const back =
    worst.after === undefined
      ? ''
      : `; the training that followed left ${percent(Math.max(0, (worst.after - worst.was) / worst.jump), 0)} of it`;
  return `The worst single prune cost ${natsText(worst.jump)} nats (${worst.id} seed ${worst.seed}, round ${worst.round}${worst.sparsity === null ? '' : `, to ${percent(worst.sparsity)}`})${back}. It is one of ${counted(jumps.length, 'prune')} of ${counted(new Set(jumps.map(({ id, seed }) => `${id} ${seed}`)).size, 'run')}.`;
}

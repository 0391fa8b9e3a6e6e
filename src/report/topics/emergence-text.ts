/** When super weights appeared in training, in a sentence. */
import { firstConfirmed } from '../figures/emergence.ts';
import type { StudyResults } from '../read-results.ts';
import { counted, decimal, listed } from '../wording.ts';

/** `one was confirmed in 2 of 3 runs (xavier, first at step 1,000)`, by experiment. */
export function emergenceText({ emergence }: StudyResults): string {
  const known = emergence.filter(({ confirmed }) => confirmed !== null);
  const experiments = [...new Set(known.map(({ experiment }) => experiment))];
  if (experiments.length === 0) return 'No experiment of this profile follows emergence.';
  const parts = experiments.map((id) => {
    const own = known.filter(({ experiment }) => experiment === id);
    const seeds = [...new Set(own.map(({ seed }) => seed))];
    const steps = seeds.flatMap((seed) => firstConfirmed(own, id, seed) ?? []);
    const when =
      steps.length === 0
        ? ''
        : `, first seen at step ${[...new Set([Math.min(...steps), Math.max(...steps)])].map((step) => decimal(step, 0)).join(' to ')}`;
    return `${steps.length} of ${counted(seeds.length, 'run')} of ${id} (${own[0]!.scheme ?? 'unknown init'}${when})`;
  });
  return `A super weight was confirmed in the course of training in ${listed(parts)}; a detection sees only the steps at which it looked.`;
}

/**
 * Super weights that appear when survival is followed already: where none was there at first, none is followed, and no
 * count of survivals tells of those that come later.
 */
import type { ExperimentDeclaration } from '../generated/aggregate.ts';
import { namesOf, runsOf } from './arms.ts';
import { controlsOf } from './lost-function.ts';
import type { StudyResults } from './read-results.ts';
import { named, range } from './topics/parts.ts';
import { counted, decimal } from './wording.ts';

/** Of distinct runs in which none was there to follow, and of which it is known what came later. */
export interface LateEmergence {
  n: number;
  /** In how many one was confirmed at a later look, and in how many at the last. */
  emerged: number;
  atEnd: number;
  /** Training steps at the first such look of each. */
  steps: number[];
}

export function lateEmergence(results: StudyResults, ids: readonly string[]): LateEmergence {
  const runs = new Map(ids.flatMap((id) => runsOf(results, id)).map((run) => [run.computation, run]));
  const sought = [...runs.values()].flatMap(({ reference, measurements }) => {
    if (reference.status !== 'none-emerged') return [];
    const at = measurements.findIndex(({ round, phase }) => round === reference.round && phase === reference.phase);
    const looks = measurements
      .slice(at + 1)
      .flatMap(({ step, detection, newlyConfirmed }) =>
        detection === null || newlyConfirmed === null ? [] : [{ step, found: newlyConfirmed.length > 0 }],
      );
    return looks.length === 0 ? [] : [looks];
  });
  const emerged = sought.filter((looks) => looks.some(({ found }) => found));
  return {
    n: sought.length,
    emerged: emerged.length,
    atEnd: emerged.filter((looks) => looks.at(-1)!.found).length,
    steps: emerged.flatMap((looks) => looks.find(({ found }) => found)!.step ?? []),
  };
}

/** What came later in the runs of some arms. Starts with a space, or is empty. */
export function lateEmergenceText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const { n, emerged, atEnd, steps } = lateEmergence(results, idsOf(arms));
  if (emerged === 0) return '';
  const first = steps.length === 0 ? '' : ` (first after ${range(steps, (step) => decimal(step, 0))} training steps)`;
  return ` In ${emerged} of ${counted(n, 'run')} in which none was there at first, one was confirmed at a later look${first}, in ${atEnd} of them still at the end.`;
}

/** How to read that, and what came later in the arms' controls. Starts with a space, or is empty. */
export function lateEmergenceContext(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  if (lateEmergence(results, idsOf(arms)).emerged === 0) return '';
  const controls = controlsOf(results, idsOf(arms)).filter((id) => lateEmergence(results, [id]).n > 0);
  const { n, emerged } = lateEmergence(results, controls);
  const names = controls.map((id) => namesOf(results, id));
  const beside =
    n === 0
      ? ''
      : ` Where as much was trained and nothing pruned (${named(names)}), one was in ${emerged} of ${counted(n, 'run')}.`;
  return ` No count of survivals holds these.${beside}`;
}

function idsOf(arms: readonly ExperimentDeclaration[]): string[] {
  return arms.map(({ id }) => id);
}

/** Of an experiment in which none was there to follow, for a table. */
export function noneEmergedText(results: StudyResults, id: string): string {
  const { n, emerged } = lateEmergence(results, [id]);
  return emerged === 0 ? 'none emerged' : `none at first, later in ${emerged}/${n}`;
}

/**
 * When a super weight stops mattering, and whether pruning did it: training alone may do it, too, and what has stopped
 * may begin again. The end of a run is one look among several.
 */
import type { ExperimentDeclaration } from '../generated/aggregate.ts';
import type { Measurement, RunResult } from '../generated/results.ts';
import { distinct, namesOf, resultOf } from './arms.ts';
import { distinctFates, fateCounts } from './computations.ts';
import type { StudyResults } from './read-results.ts';
import { named } from './topics/parts.ts';
import { counted } from './wording.ts';

/** What a look after a training found of the primary super weight. */
export interface TrainedLook {
  round: number;
  sparsity: number;
  functional: boolean;
}

/** A run's looks after its trainings, in order; those at which it was not measured are left out. */
export function trainedLooks({ measurements }: Pick<RunResult, 'measurements'>): TrainedLook[] {
  return measurements.flatMap(({ phase, round, sparsity, survival }: Measurement) => {
    const [weight] = survival.weights;
    return phase === 'trained' && weight !== undefined && sparsity !== null
      ? [{ round, sparsity, functional: weight.functional }]
      : [];
  });
}

/** Whether it mattered no more at the last look before anything was pruned, and never again. */
export function isLostUnpruned(run: Pick<RunResult, 'measurements'>): boolean {
  const looks = trainedLooks(run);
  const last = looks.findLastIndex(({ sparsity }) => sparsity === 0);
  return last !== -1 && looks.slice(last).every(({ functional }) => !functional);
}

/** Whether it mattered again after a look at which it did not. */
function hasComeBack(looks: readonly TrainedLook[]): boolean {
  const lost = looks.findIndex(({ functional }) => !functional);
  return lost !== -1 && looks.slice(lost).some(({ functional }) => functional);
}

/** The positive controls that train as some of these arms do; of several that are one computation, the first. */
export function controlsOf(results: StudyResults, ids: readonly string[]): string[] {
  return distinct(results, [...new Set(ids.flatMap((id) => resultOf(results, id).toControl?.baseline ?? []))]);
}

/**
 * What the counts at the end of some arms do not tell of the function: in how many runs it came and went, in how many
 * it was gone before anything was pruned, and in how many runs of the arms' controls it was left. Starts with a space,
 * or is empty.
 */
export function functionText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const ids = arms.map(({ id }) => id);
  const fates = distinctFates(results, ids);
  const returned = fates.filter(({ run }) => hasComeBack(trainedLooks(run)));
  const unpruned = returned.filter(({ run }) =>
    trainedLooks(run).some(({ sparsity, functional }) => sparsity === 0 && !functional),
  ).length;
  const early = unpruned === 0 ? '' : ` (in ${unpruned} of them before anything was pruned)`;
  const courses =
    returned.length === 0
      ? ''
      : ` In ${returned.length} of ${counted(fates.length, 'run')} zeroing the super weight had ceased to hurt at one look${early} and hurt again at a later one: the end is one look among several.`;
  return `${courses}${lostText(fates)}${controlsText(results, controlsOf(results, ids))}`;
}

function lostText(fates: ReturnType<typeof distinctFates>): string {
  const lost = fates.filter(({ weight }) => !weight.functional);
  const unpruned = lost.filter(({ run }) => isLostUnpruned(run)).length;
  if (unpruned === 0) return '';
  const which =
    unpruned < lost.length ? `${unpruned} of the ${lost.length}` : unpruned === 1 ? 'the one' : `all ${unpruned}`;
  return ` In ${which} in which zeroing the super weight did not hurt at the end, training alone had done it, before anything was pruned.`;
}

function controlsText(results: StudyResults, controls: readonly string[]): string {
  const { n, functional } = fateCounts(distinctFates(results, controls));
  const measured = controls.filter((id) => distinctFates(results, [id]).length > 0);
  const names = measured.map((id) => namesOf(results, id));
  return n === 0
    ? ''
    : ` Where as much was trained and nothing pruned (${named(names)}), zeroing the super weight still hurt in ${functional} of ${counted(n, 'distinct run')}.`;
}

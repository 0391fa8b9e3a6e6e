/**
 * When a super weight stops mattering, and whether pruning did it: training alone may do it, too, and what has stopped
 * may begin again. The end of a run is one look among several.
 */
import type { ExperimentDeclaration } from '../generated/aggregate.ts';
import type { Measurement, RunResult, WeightSurvival } from '../generated/results.ts';
import { controlMeasurement } from '../science/results/control-pairs.ts';
import { listed } from '../base/listed.ts';
import { distinct, namesOf, resultOf, runsOf } from './arms.ts';
import { distinctFates, fateCounts } from './computations.ts';
import type { StudyResults } from './read-results.ts';
import { named } from './topics/parts.ts';
import { counted } from './wording.ts';

/** What a look after a training found of the primary super weight. */
export interface TrainedLook {
  round: number;
  sparsity: number;
  functional: boolean;
  /** Equal at looks that are one computation. */
  computation: string;
}

/** A run's looks after its trainings, in order; those at which it was not measured are left out. */
export function trainedLooks({ measurements }: Pick<RunResult, 'measurements'>): TrainedLook[] {
  return measurements.flatMap(({ phase, round, sparsity, survival, computation }: Measurement) => {
    const [weight] = survival.weights;
    return phase === 'trained' && weight !== undefined && sparsity !== null
      ? [{ round, sparsity, functional: weight.functional, computation }]
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
  const courses =
    returned.length === 0
      ? ''
      : ` In ${returned.length} of ${counted(fates.length, 'run')}${withSeeds(returned, fates, ', all with ', ',')} zeroing the super weight had ceased to hurt at one look${earlyText(returned)} and hurt again at a later one: the end is one look among several.`;
  return `${courses}${lostText(fates)}${controlsText(results, controlsOf(results, ids))}`;
}

type Fates = ReturnType<typeof distinctFates>;

/**
 * `, all with seed 0,`: where many fates are of few seeds, which a count of runs does not tell. Seeds are the
 * replicates. Empty where there is a run a seed, or all seeds are among them.
 */
function withSeeds(some: Fates, all: Fates, before: string, after: string): string {
  const seedsOf = (fates: Fates) => [...new Set(fates.map(({ run }) => run.seed))].sort((one, other) => one - other);
  const seeds = seedsOf(some);
  if (seeds.length === some.length || seeds.length === seedsOf(all).length) return '';
  return `${before}${seeds.length === 1 ? 'seed' : 'seeds'} ${listed(seeds.map(String))}${after}`;
}

/** Of runs in which the function came back: those that had lost it before anything was pruned, which arms may share. */
function earlyText(returned: Fates): string {
  const early = returned.flatMap(({ run }) =>
    trainedLooks(run)
      .filter(({ sparsity, functional }) => sparsity === 0 && !functional)
      .slice(0, 1),
  );
  const distinctLooks = new Set(early.map(({ computation }) => computation)).size;
  if (early.length === 0) return '';
  const shared = distinctLooks === early.length ? '' : `, in ${counted(distinctLooks, 'distinct computation')}`;
  return ` (in ${early.length} of them before anything was pruned${shared})`;
}

/** The same super weight in the unpruned run of the same seed, after as many training steps; undefined without one. */
export function unprunedWeight(
  results: StudyResults,
  { experiment, seed }: Pick<RunResult, 'experiment' | 'seed'>,
  look: Pick<Measurement, 'round' | 'step'>,
): WeightSurvival | undefined {
  const control = resultOf(results, experiment).toControl?.baseline;
  const twin = control === undefined ? undefined : runsOf(results, control).find((run) => run.seed === seed);
  return controlMeasurement(twin, look)?.survival.weights[0];
}

/**
 * Whether pruning takes from what the super weights of some arms do: their effects at the end beside those in unpruned
 * twins. Starts with a space, or is empty.
 */
export function lessText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const fates = distinctFates(
    results,
    arms.map(({ id }) => id),
  );
  const pairs = fates.flatMap(({ run, measured, weight }) => {
    const other = unprunedWeight(results, run, measured);
    return other === undefined ? [] : [weight.effect < other.effect];
  });
  return pairs.length === 0
    ? ''
    : ` Zeroing it cost less than in the unpruned run of the same seed after as many steps in ${pairs.filter(Boolean).length} of ${counted(pairs.length, 'pair')}.`;
}

function lostText(fates: Fates): string {
  const lost = fates.filter(({ weight }) => !weight.functional);
  const unpruned = lost.filter(({ run }) => isLostUnpruned(run)).length;
  if (unpruned === 0) return '';
  const which =
    unpruned < lost.length ? `${unpruned} of the ${lost.length}` : unpruned === 1 ? 'the one' : `all ${unpruned}`;
  return ` In ${which} in which zeroing the super weight did not hurt at the end, training alone had done it, before anything was pruned.`;
}

/** ` (the other 6 have seed 0)`: the runs in which zeroing does not hurt at the end, if they are of few seeds. */
export function othersText(fates: Fates): string {
  const others = fates.filter(({ weight }) => !weight.functional);
  return withSeeds(others, fates, ` (the other ${others.length} have `, ')');
}

function controlsText(results: StudyResults, controls: readonly string[]): string {
  const fates = distinctFates(results, controls);
  const { n, functional } = fateCounts(fates);
  const measured = controls.filter((id) => distinctFates(results, [id]).length > 0);
  const names = measured.map((id) => namesOf(results, id));
  return n === 0
    ? ''
    : ` Where as much was trained and nothing pruned (${named(names)}), zeroing the super weight still hurt in ${functional} of ${counted(n, 'distinct run')}${othersText(fates)}.`;
}

/** How two experiments differ at their ends: log-perplexity, seed by seed. */
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { AbsentRun, Measurement, PairedDifference, RunResult } from '../../generated/results.ts';
import { spread } from '../statistics/spread.ts';
import { tInterval } from '../statistics/student-t.ts';
import { distinct, known, type Same } from './computations.ts';
import { inOrderOfTime } from './study-pieces.ts';

/** An experiment with its runs. */
export interface Arm {
  experiment: ExperimentDeclaration;
  runs: RunResult[];
}

/**
 * Final log-perplexity of `arm` minus that of `baseline`, over the seeds of which both are known.
 * @param alsoDiffers what the two are declared to do differently, besides what they are compared in
 */
export function pairedDifference(arm: Arm, baseline: Arm, alsoDiffers: string[], confidence: number): PairedDifference {
  const ours = finalEvaluations(arm.runs);
  const theirs = finalEvaluations(baseline.runs);
  const points = [...ours].flatMap(([seed, end]) => {
    const other = theirs.get(seed);
    if (other === undefined) return [];
    const difference = end.loss - other.loss;
    return [{ seed, arm: end.loss, baseline: other.loss, difference, armKey: end.key, baselineKey: other.key }];
  });
  const pairs = pairedEnds(arm, baseline);
  const copies = copiedPairs(pairs.filter(({ seed }) => ours.has(seed) && theirs.has(seed))).map(({ seed }) => seed);
  const differences = independentDifferences({ points, copies });
  const { n, mean, sd } = spread(differences);
  return {
    arm: arm.experiment.id,
    baseline: baseline.experiment.id,
    seeds: points.map(({ seed }) => seed),
    points,
    copies,
    missing: [...absentRuns(arm, baseline, ours), ...absentRuns(baseline, arm, theirs)],
    unpaired: [...unpairedRuns(arm, baseline), ...unpairedRuns(baseline, arm)],
    n,
    mean,
    sd,
    interval: tInterval(differences, confidence) ?? null,
    samplingError: null, // sampling-error.ts
    alsoDiffers,
  };
}

/** Whether anything is known of a difference, and whether what was varied did anything at all. */
export type Effect = 'no-data' | 'never-acted' | 'measured';

/** never-acted: every pair is equal to the bit, as one computation is. */
export function effectOf({ points }: Pick<PairedDifference, 'points'>): Effect {
  if (points.length === 0) return 'no-data';
  return points.every(({ difference }) => difference === 0) ? 'never-acted' : 'measured';
}

/** The differences that count: those of seeds that are no copies. */
export function independentDifferences(paired: Pick<PairedDifference, 'points' | 'copies'>): number[] {
  return independentPoints(paired).map(({ difference }) => difference);
}

/** The pairs that count: those of seeds that are no copies. */
export function independentPoints({
  points,
  copies,
}: Pick<PairedDifference, 'points' | 'copies'>): PairedDifference['points'] {
  const copied = new Set(copies);
  return points.filter(({ seed }) => !copied.has(seed));
}

/**
 * Two measurements that are held against each other, by the computations that they are; undefined where nothing was
 * planned to be measured.
 */
export interface ComputedPair {
  arm: string | undefined;
  baseline: string | undefined;
}

/**
 * The pairs that are no further replicates: those that share the computation of an earlier pair that counts, on either
 * side. Differences from one and the same end are not independent of each other, and exchanging its label for one of
 * them exchanges it for all.
 */
export function copiedPairs<Pair extends ComputedPair>(pairs: readonly Pair[]): Pair[] {
  const [arms, baselines] = [new Set<string>(), new Set<string>()];
  return pairs.filter(({ arm, baseline }) => {
    if ((arm !== undefined && arms.has(arm)) || (baseline !== undefined && baselines.has(baseline))) return true;
    if (arm !== undefined) arms.add(arm);
    if (baseline !== undefined) baselines.add(baseline);
    return false;
  });
}

/** The ends of the seeds that both declare. */
export function pairedEnds(arm: Arm, baseline: Arm): (ComputedPair & { seed: number })[] {
  const theirs = new Map(lastMeasurements(baseline.runs).map(({ run, measured }) => [run.seed, measured?.computation]));
  return lastMeasurements(arm.runs).flatMap(({ run: { seed }, measured }) =>
    theirs.has(seed) ? [{ seed, arm: measured?.computation, baseline: theirs.get(seed) }] : [],
  );
}

/** Runs of `arm` that `other` would be paired with, but whose end is not known. */
function absentRuns(arm: Arm, other: Arm, ends: Map<number, unknown>): AbsentRun[] {
  const declared = seedsOf(other);
  return runsOfSeeds(arm, (seed) => declared.has(seed) && !ends.has(seed));
}

/** Runs of `arm` whose seed `other` does not declare. */
function unpairedRuns(arm: Arm, other: Arm): AbsentRun[] {
  const declared = seedsOf(other);
  return runsOfSeeds(arm, (seed) => !declared.has(seed));
}

function seedsOf({ runs }: Arm): Set<number> {
  return new Set(runs.map(({ seed }) => seed));
}

function runsOfSeeds({ experiment, runs }: Arm, holds: (seed: number) => boolean): AbsentRun[] {
  return runs.filter(({ seed }) => holds(seed)).map(({ seed }) => ({ experiment: experiment.id, seed }));
}

/** Validation losses at the experiment's end, of each computation once. */
export function distinctFinalLosses(runs: RunResult[]): number[] {
  return distinctEnds(runs).flatMap((same) => known(same, ({ measured }) => measured?.evaluation?.loss));
}

/** The ends of an experiment's runs by computation. */
export function distinctEnds(runs: RunResult[]): Same<{ run: RunResult; measured: Measurement | undefined }>[] {
  return distinct(lastMeasurements(runs), ({ measured }) => measured);
}

/** Validation loss at the experiment's end by seed, and its node; runs that did not get there are absent. */
function finalEvaluations(runs: RunResult[]): Map<number, { loss: number; key: string | null }> {
  return new Map(
    lastMeasurements(runs).flatMap(({ run, measured }) =>
      measured?.evaluation
        ? [[run.seed, { loss: measured.evaluation.loss, key: measured.keys['evaluation'] ?? null }] as const]
        : [],
    ),
  );
}

/**
 * What was measured of every run at the end of its experiment, which is the last planned moment: every complete run has
 * a measurement of it. Undefined for a run of which nothing was planned.
 */
export function lastMeasurements(runs: RunResult[]): { run: RunResult; measured: Measurement | undefined }[] {
  let end: Measurement | undefined;
  for (const { measurements } of runs)
    for (const measured of measurements) if (end === undefined || inOrderOfTime(end, measured) < 0) end = measured;
  return runs.map((run) => ({
    run,
    measured: run.measurements.find((measured) => end !== undefined && inOrderOfTime(measured, end) === 0),
  }));
}

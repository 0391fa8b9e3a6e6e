/** How two experiments differ at their ends: log-perplexity, seed by seed. */
import { groupBy } from '../../base/groups.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { AbsentRun, Measurement, PairedDifference, RunResult } from '../../generated/results.ts';
import { spread } from '../statistics/spread.ts';
import { tInterval } from '../statistics/student-t.ts';
import { inOrderOfTime } from './study-pieces.ts';

/** An experiment with its runs. */
export interface Arm {
  experiment: ExperimentDeclaration;
  runs: RunResult[];
}

/**
 * Final log-perplexity of `arm` minus that of `baseline`, over the seeds of which both are known.
 * @param compared what the comparison is about: names of stages or of `stage.param`s, left out of `alsoDiffers`
 */
export function pairedDifference(
  arm: Arm,
  baseline: Arm,
  compared: readonly string[],
  confidence: number,
): PairedDifference {
  const ours = finalLosses(arm.runs);
  const theirs = finalLosses(baseline.runs);
  const points = [...ours]
    .filter(([seed]) => theirs.has(seed))
    .map(([seed, loss]) => ({ seed, arm: loss, baseline: theirs.get(seed)!, difference: loss - theirs.get(seed)! }));
  const copies = copiedSeeds(points);
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
    alsoDiffers: differingParameters(arm.experiment, baseline.experiment).filter(
      (name) => !compared.some((part) => name === part || name.startsWith(`${part}.`)),
    ),
  };
}

/** Whether anything is known of a difference, and whether what was varied did anything at all. */
export type Effect = 'no-data' | 'never-acted' | 'measured';

/** never-acted: every pair is equal to the bit, as nodes of the same key are. */
export function effectOf({ points }: Pick<PairedDifference, 'points'>): Effect {
  if (points.length === 0) return 'no-data';
  return points.every(({ difference }) => difference === 0) ? 'never-acted' : 'measured';
}

/** The differences that count: those of seeds that are no copies. */
export function independentDifferences({ points, copies }: Pick<PairedDifference, 'points' | 'copies'>): number[] {
  const copied = new Set(copies);
  return points.filter(({ seed }) => !copied.has(seed)).map(({ difference }) => difference);
}

/**
 * Seeds with the same two ends, to the bit, as an earlier seed: one computation under two names, never two replicates.
 */
function copiedSeeds(points: PairedDifference['points']): number[] {
  const byEnds = groupBy(points, ({ arm, baseline }) => `${arm} ${baseline}`);
  const firsts = new Set([...byEnds.values()].map(([first]) => first));
  return points.filter((point) => !firsts.has(point)).map(({ seed }) => seed);
}

/** Runs of `arm` that `other` would be paired with, but whose end is not known. */
function absentRuns(arm: Arm, other: Arm, losses: Map<number, number>): AbsentRun[] {
  const declared = seedsOf(other);
  return runsOfSeeds(arm, (seed) => declared.has(seed) && !losses.has(seed));
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

/** `stage.param` names (and rounds, finalTrain) in which two experiments differ, after resolution. */
function differingParameters(a: ExperimentDeclaration, b: ExperimentDeclaration): string[] {
  const ours = flatParameters(a);
  const theirs = flatParameters(b);
  return [...new Set([...ours.keys(), ...theirs.keys()])].filter((name) => ours.get(name) !== theirs.get(name)).sort();
}

function flatParameters({ rounds, finalTrain, params }: ExperimentDeclaration): Map<string, string> {
  const flat = new Map([
    ['rounds', JSON.stringify(rounds)],
    ['finalTrain', JSON.stringify(finalTrain)],
  ]);
  for (const [stage, values] of Object.entries(params))
    for (const [name, value] of Object.entries(values as object)) flat.set(`${stage}.${name}`, JSON.stringify(value));
  return flat;
}

/** Validation loss at the experiment's end by seed; runs that did not get there are absent. */
export function finalLosses(runs: RunResult[]): Map<number, number> {
  return new Map(
    lastMeasurements(runs).flatMap(({ run, measured }) =>
      measured?.evaluation ? [[run.seed, measured.evaluation.loss] as const] : [],
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

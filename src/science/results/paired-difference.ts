/** How two experiments differ at their ends: log-perplexity, seed by seed. */
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { AbsentRun, PairedDifference, RunResult } from '../../generated/results.ts';
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
export function pairedDifference(arm: Arm, baseline: Arm, compared: readonly string[]): PairedDifference {
  const ours = finalLosses(arm.runs);
  const theirs = finalLosses(baseline.runs);
  const points = [...ours]
    .filter(([seed]) => theirs.has(seed))
    .map(([seed, loss]) => ({ seed, arm: loss, baseline: theirs.get(seed)!, difference: loss - theirs.get(seed)! }));
  const differences = points.map(({ difference }) => difference);
  const { n, mean, sd } = spread(differences);
  return {
    arm: arm.experiment.id,
    baseline: baseline.experiment.id,
    seeds: points.map(({ seed }) => seed),
    points,
    missing: [...absentRuns(arm, baseline, ours), ...absentRuns(baseline, arm, theirs)],
    unpaired: [...unpairedRuns(arm, baseline), ...unpairedRuns(baseline, arm)],
    n,
    mean,
    sd,
    interval: tInterval(differences) ?? null,
    alsoDiffers: differingParameters(arm.experiment, baseline.experiment).filter(
      (name) => !compared.some((part) => name === part || name.startsWith(`${part}.`)),
    ),
  };
}

/** Runs of `arm` that `other` would be paired with, but whose end is not known. */
function absentRuns(arm: Arm, other: Arm, losses: Map<number, number>): AbsentRun[] {
  return runsOfSeeds(arm, (seed) => declares(other, seed) && !losses.has(seed));
}

/** Runs of `arm` whose seed `other` does not declare. */
function unpairedRuns(arm: Arm, other: Arm): AbsentRun[] {
  return runsOfSeeds(arm, (seed) => !declares(other, seed));
}

function declares({ runs }: Arm, seed: number): boolean {
  return runs.some((run) => run.seed === seed);
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
  const end = endOf(runs);
  const losses = new Map<number, number>();
  for (const { seed, measurements } of runs) {
    const last = measurements.find((measured) => end !== undefined && inOrderOfTime(measured, end) === 0);
    if (last?.evaluation) losses.set(seed, last.evaluation.loss);
  }
  return losses;
}

/** The last planned moment of the experiment. */
export function endOf(runs: RunResult[]): RunResult['measurements'][number] | undefined {
  return runs
    .flatMap(({ measurements }) => measurements)
    .sort(inOrderOfTime)
    .at(-1);
}

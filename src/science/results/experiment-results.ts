/**
 * The runs of one experiment taken together: spreads, k of n, and the paired difference to another experiment.
 *
 * A run is the unit of replication and counts once: where its reference set holds several super weights, the one whose
 * removal hurt most when it was confirmed (the primary one) stands for the run.
 */
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { ExperimentPoint, ExperimentResult, PairedDifference, RunResult, SurvivalSummary } from '../../generated/results.ts';
import { proportion, spread, tInterval } from '../statistics.ts';
import { inOrderOfTime } from './study-pieces.ts';

export function experimentResult(
  experiment: ExperimentDeclaration,
  runs: RunResult[],
  control: Arm | undefined,
): ExperimentResult {
  const points = pointsOf(runs);
  const arm = { experiment, runs };
  return {
    id: experiment.id,
    declared: runs.length,
    complete: runs.filter(({ status }) => status === 'complete').length,
    reference: {
      confirmed: runs.filter(({ reference }) => reference.status === 'confirmed').length,
      noneEmerged: runs.filter(({ reference }) => reference.status === 'none-emerged').length,
      unknown: runs.filter(({ reference }) => reference.status === 'unknown').length,
    },
    points,
    lossInterval: tInterval([...finalLosses(runs).values()]) ?? null,
    toControl:
      control === undefined || control.experiment.id === experiment.id ? null : pairedDifference(arm, control, ['prune']),
  };
}

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
  const seeds = [...ours.keys()].filter((seed) => theirs.has(seed));
  const differences = seeds.map((seed) => ours.get(seed)! - theirs.get(seed)!);
  const { mean, sd } = spread(differences);
  return {
    arm: arm.experiment.id,
    baseline: baseline.experiment.id,
    seeds,
    mean,
    sd,
    interval: tInterval(differences) ?? null,
    alsoDiffers: differingParameters(arm.experiment, baseline.experiment).filter(
      (name) => !compared.some((part) => name === part || name.startsWith(`${part}.`)),
    ),
  };
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

/** Every planned moment of the experiment, whether or not all of its runs reached it. */
function pointsOf(runs: RunResult[]): ExperimentPoint[] {
  const moments = new Map<string, { round: number; phase: ExperimentPoint['phase']; level: number }>();
  for (const { measurements } of runs)
    for (const { round, phase, level } of measurements) moments.set(`${round} ${phase}`, { round, phase, level });
  return [...moments.values()].sort(inOrderOfTime).map((moment) => {
    const here = runs.map(({ measurements }) =>
      measurements.find(({ round, phase }) => round === moment.round && phase === moment.phase),
    );
    const evaluations = here.flatMap((measured) => measured?.evaluation ?? []);
    return {
      ...moment,
      sparsity: spread(here.flatMap((measured) => measured?.sparsity ?? [])),
      loss: spread(evaluations.map(({ loss }) => loss)),
      perplexity: spread(evaluations.map(({ perplexity }) => perplexity)),
      retrievalAccuracy: spread(evaluations.map(({ retrievalAccuracy }) => retrievalAccuracy)),
      survival: survivalSummary(here.map((measured) => measured?.survival)),
    };
  });
}

function survivalSummary(survivals: (RunResult['measurements'][number]['survival'] | undefined)[]): SurvivalSummary {
  const primary = survivals.flatMap((survival) => survival?.weights[0] ?? []);
  const noneEmerged = survivals.filter((survival) => survival?.status === 'none-emerged').length;
  const beforeReference = survivals.filter((survival) => survival?.status === 'before-reference').length;
  const count = (holds: (weight: (typeof primary)[number]) => boolean) =>
    proportion(primary.filter(holds).length, primary.length);
  return {
    n: primary.length,
    noneEmerged,
    missing: survivals.length - primary.length - noneEmerged - beforeReference,
    kept: count(({ kept }) => kept),
    functional: count(({ functional }) => functional),
    redetectedSame: count(({ redetection }) => redetection === 'same'),
    redetectedMoved: count(({ redetection }) => redetection === 'moved'),
  };
}

/** Validation loss at the experiment's end by seed; runs that did not get there are absent. */
function finalLosses(runs: RunResult[]): Map<number, number> {
  const end = endOf(runs);
  const losses = new Map<number, number>();
  for (const { seed, measurements } of runs) {
    const last = measurements.find((measured) => end !== undefined && inOrderOfTime(measured, end) === 0);
    if (last?.evaluation) losses.set(seed, last.evaluation.loss);
  }
  return losses;
}

/** The last planned moment of the experiment. */
function endOf(runs: RunResult[]): RunResult['measurements'][number] | undefined {
  return runs
    .flatMap(({ measurements }) => measurements)
    .sort(inOrderOfTime)
    .at(-1);
}

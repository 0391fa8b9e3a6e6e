/**
 * The runs of one experiment taken together: spreads, k of n, and the paired difference to another experiment.
 *
 * A run is the unit of replication and counts once: where its reference set holds several super weights, the one whose
 * removal hurt most when it was confirmed (the primary one) stands for the run.
 */
import type { ExperimentDeclaration, StudyDeclaration } from '../../generated/aggregate.ts';
import type {
  BaseRateSummary,
  ExperimentPoint,
  ExperimentResult,
  RunResult,
  SurvivalResult,
  SurvivalSummary,
  WeightSurvival,
} from '../../generated/results.ts';
import { proportion } from '../statistics/proportion.ts';
import { spread } from '../statistics/spread.ts';
import { tInterval } from '../statistics/student-t.ts';
import { pruningStages } from '../study-declaration.ts';
import { finalLosses, pairedDifference, type Arm } from './paired-difference.ts';
import { inOrderOfTime } from './study-pieces.ts';

export function experimentResult(
  study: StudyDeclaration,
  experiment: ExperimentDeclaration,
  runs: RunResult[],
  control: Arm | undefined,
): ExperimentResult {
  const { confidence } = study.analysis;
  const points = pointsOf(runs, confidence);
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
    lossInterval: tInterval([...finalLosses(runs).values()], confidence) ?? null,
    toControl:
      control === undefined || control.experiment.id === experiment.id
        ? null
        : pairedDifference(arm, control, pruningStages(study), confidence),
  };
}

/** Every planned moment of the experiment, whether or not all of its runs reached it. */
function pointsOf(runs: RunResult[], confidence: number): ExperimentPoint[] {
  const moments = new Map<string, { round: number; phase: ExperimentPoint['phase']; level: number }>();
  for (const { measurements } of runs)
    for (const { round, phase, level } of measurements) moments.set(`${round} ${phase}`, { round, phase, level });
  return [...moments.values()].sort(inOrderOfTime).map((moment) => {
    const here = runs.map(({ measurements }) =>
      measurements.find(({ round, phase }) => round === moment.round && phase === moment.phase),
    );
    const primary = here.flatMap((measured) => measured?.survival.weights[0] ?? []);
    const evaluations = here.flatMap((measured) => measured?.evaluation ?? []);
    return {
      ...moment,
      sparsity: spread(here.flatMap((measured) => measured?.sparsity ?? [])),
      loss: spread(evaluations.map(({ loss }) => loss)),
      perplexity: spread(evaluations.map(({ perplexity }) => perplexity)),
      retrievalAccuracy: spread(evaluations.map(({ retrievalAccuracy }) => retrievalAccuracy)),
      survival: survivalSummary(
        here.map((measured) => measured?.survival),
        confidence,
      ),
      baseRate: baseRateSummary(primary, confidence),
    };
  });
}

/**
 * What survival must be compared with: how many weights around the primary super weights were kept, over the runs of
 * which it is known.
 */
function baseRateSummary(primary: WeightSurvival[], confidence: number): BaseRateSummary {
  const baseRates = primary.map(({ baseRate }) => baseRate);
  const kinds = new Map<string, BaseRateSummary['kinds'][number]>();
  for (const { kind, kept, n } of baseRates.flatMap((baseRate) => baseRate.kinds)) {
    const sum = kinds.get(kind) ?? { kind, kept: 0, n: 0 };
    kinds.set(kind, { kind, kept: sum.kept + kept, n: sum.n + n });
  }
  const all = [...kinds.values()];
  return {
    tensorKept: spread(baseRates.map(({ tensorKept }) => tensorKept)),
    controls: proportion(
      all.reduce((sum, { kept }) => sum + kept, 0),
      all.reduce((sum, { n }) => sum + n, 0),
      confidence,
    ),
    kinds: all,
  };
}

function survivalSummary(survivals: (SurvivalResult | undefined)[], confidence: number): SurvivalSummary {
  const primary = survivals.flatMap((survival) => survival?.weights[0] ?? []);
  const noneEmerged = survivals.filter((survival) => survival?.status === 'none-emerged').length;
  const beforeReference = survivals.filter((survival) => survival?.status === 'before-reference').length;
  const count = (holds: (weight: (typeof primary)[number]) => boolean) =>
    proportion(primary.filter(holds).length, primary.length, confidence);
  return {
    n: primary.length,
    noneEmerged,
    missing: survivals.length - primary.length - noneEmerged - beforeReference,
    kept: count(({ kept }) => kept),
    disconnected: primary.filter(({ disconnected }) => disconnected).length,
    functional: count(({ functional }) => functional),
    redetectedSame: count(({ redetection }) => redetection === 'same'),
    redetectedMoved: count(({ redetection }) => redetection === 'moved'),
  };
}

/**
 * The runs of one experiment taken together: spreads, k of n, and the paired difference to another experiment.
 *
 * A computation is the unit of replication and counts once, however many runs are it (computations.ts). Where its
 * reference set holds several super weights, the one whose removal hurt most when it was confirmed (the primary one)
 * stands for it.
 */
import type { StudyDeclaration } from '../../generated/aggregate.ts';
import type {
  BaseRateSummary,
  ExperimentPoint,
  ExperimentResult,
  Measurement,
  RunResult,
  Spread,
  SurvivalResult,
  SurvivalSummary,
  WeightSurvival,
} from '../../generated/results.ts';
import { proportion } from '../statistics/proportion.ts';
import { spread } from '../statistics/spread.ts';
import { tInterval } from '../statistics/student-t.ts';
import { isPositiveControl, type ControlSearch } from '../positive-control.ts';
import { treatmentBesides } from './also-differs.ts';
import { distinct, known, survivalOf, type Same } from './computations.ts';
import { controlAtEnd } from './control-pairs.ts';
import { distinctFinalLosses, pairedDifference, type Arm } from './paired-difference.ts';
import { inOrderOfTime } from './study-pieces.ts';

/** @param twin the experiment whose computations are all of this one's */
export function experimentResult(
  study: StudyDeclaration,
  arm: Arm,
  controls: ControlSearch<Arm>,
  twin: string | undefined,
): ExperimentResult {
  const { confidence } = study.analysis;
  const { experiment, runs } = arm;
  const control = controls.find(experiment);
  return {
    id: experiment.id,
    sameAs: twin ?? null,
    declared: runs.length,
    complete: runs.filter(({ status }) => status === 'complete').length,
    copies: runs.length - new Set(runs.map(({ computation }) => computation)).size,
    reference: referenceCounts(runs),
    points: pointsOf(runs, confidence),
    lossInterval: tInterval(distinctFinalLosses(runs), confidence) ?? null,
    samplingError: null, // sampling-error.ts
    toControl:
      control === undefined
        ? null
        : pairedDifference(
            arm,
            controlAtEnd(control, arm),
            treatmentBesides(study, experiment, control.experiment),
            confidence,
          ),
    noControl: control !== undefined || isPositiveControl(experiment) ? null : controls.missing(experiment),
  };
}

/** Of the distinct detections that define the runs' reference sets. */
function referenceCounts(runs: RunResult[]): ExperimentResult['reference'] {
  const references = distinct(runs, ({ reference, measurements }) =>
    measurements.find(({ round, phase }) => round === reference.round && phase === reference.phase),
  );
  const count = (status: RunResult['reference']['status']) =>
    references.filter((same) => statusOf(same) === status).length;
  return {
    confirmed: count('confirmed'),
    noneEmerged: count('none-emerged'),
    unknown: count('unknown'),
    copies: runs.length - references.length,
  };
}

function statusOf(same: Same<RunResult>): RunResult['reference']['status'] {
  return known(same, ({ reference: { status } }) => (status === 'unknown' ? null : status))[0] ?? 'unknown';
}

/** Every planned moment of the experiment, whether or not all of its runs reached it. */
function pointsOf(runs: RunResult[], confidence: number): ExperimentPoint[] {
  const moments = new Map<string, { round: number; phase: ExperimentPoint['phase']; level: number }>();
  for (const { measurements } of runs)
    for (const { round, phase, level } of measurements) moments.set(`${round} ${phase}`, { round, phase, level });
  return [...moments.values()].sort(inOrderOfTime).map((moment) => {
    const here = distinct(
      runs.map(({ measurements }) =>
        measurements.find(({ round, phase }) => round === moment.round && phase === moment.phase),
      ),
      (measured) => measured,
    );
    const all = <Value>(of: (measured: Measurement) => Value | null) =>
      here.flatMap((same) => known(same, (measured) => measured && of(measured)));
    const survivals = here.map((same) => survivalOf(same));
    const primary = survivals.flatMap((survival) => survival?.weights[0] ?? []);
    const evaluations = all(({ evaluation }) => evaluation);
    return {
      ...moment,
      copies: runs.length - here.length,
      sparsity: spread(all(({ sparsity }) => sparsity)),
      loss: spread(evaluations.map(({ loss }) => loss)),
      excess: spread(evaluations.flatMap(({ excess }) => excess ?? [])),
      perplexity: perplexitySpread(evaluations.map(({ perplexity }) => perplexity)),
      retrievalAccuracy: spread(evaluations.flatMap(({ retrievalAccuracy }) => retrievalAccuracy ?? [])),
      survival: survivalSummary(survivals, confidence),
      baseRate: baseRateSummary(primary, confidence),
    };
  });
}

/** Without a mean where one run's is too large for a double: the others alone would say too little. */
function perplexitySpread(perplexities: (number | null)[]): Spread {
  const known = perplexities.filter((perplexity) => perplexity !== null);
  return known.length < perplexities.length ? { n: perplexities.length, mean: null, sd: null } : spread(known);
}

/**
 * What survival must be compared with: how many weights around the primary super weights were kept, over the
 * computations of which it is known.
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
  const sought = primary.filter(({ redetection }) => redetection !== 'not-sought');
  const redetected = (how: WeightSurvival['redetection']) =>
    proportion(sought.filter(({ redetection }) => redetection === how).length, sought.length, confidence);
  return {
    n: primary.length,
    noneEmerged,
    missing: survivals.length - primary.length - noneEmerged - beforeReference,
    kept: count(({ kept }) => kept),
    disconnected: primary.filter(({ disconnected }) => disconnected).length,
    functional: count(({ functional }) => functional),
    redetectedSame: redetected('same'),
    redetectedMoved: redetected('moved'),
  };
}

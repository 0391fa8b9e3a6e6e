/**
 * What is known of one run: its measurements in order of time, its reference set, its loss curves, and what is missing.
 */
import { SwpError } from '../../base/failure.ts';
import { placeOf } from '../../engine/stage.ts';
import type { NodeLabel } from '../../engine/stage.ts';
import type { AnalysisDeclaration } from '../../generated/aggregate.ts';
import type { Evaluation } from '../../generated/evaluation.ts';
import type { Pruning } from '../../generated/pruning.ts';
import type {
  ConfirmedSuperWeight,
  DetectionResult,
  JointSet,
  MeasuredEvaluation,
  MeasuredPruning,
  Measurement,
  Phase,
  ReferenceSet,
  RunResult,
  SurvivalResult,
  WeightCoordinate,
} from '../../generated/results.ts';
import type { JointEffect, SuperWeightReport } from '../../generated/super-weights.ts';
import type { Computations } from './computations.ts';
import { runCurve } from './run-curve.ts';
import { inOrderOfTime, levelOf, type PhaseOf, type Piece, type StudyPieces } from './study-pieces.ts';

/** What is known of a run besides its pieces. */
export interface RunContext {
  /**
   * The phase whose first detection defines the reference set: `start` for pretrained arms, `trained` for
   * re-initialised ones.
   */
  referencePhase: 'start' | 'trained';
  /** Whether every later detection must say what became of the reference set. */
  isFollowed: boolean;
  phaseOf: PhaseOf;
  computations: Computations;
  analysis: AnalysisDeclaration;
}

/**
 * Everything about one run, except which earlier run is the same: all runs together tell it.
 * @param pieces the planned pieces of this run only; none at all makes the run incomplete, not absent
 */
export function runResult(
  run: { experiment: string; seed: number },
  pieces: StudyPieces,
  { referencePhase, isFollowed, phaseOf, computations, analysis }: RunContext,
): Omit<RunResult, 'computation'> {
  const all: Piece<unknown>[] = [...pieces.curves, ...pieces.prunings, ...pieces.evaluations, ...pieces.superWeights];
  const missing: RunResult['missing'] = all
    .filter(({ content }) => content === undefined)
    .map(({ label, artifact, key }) => ({ place: placeOf(label), artifact, key }));
  if (all.length === 0)
    missing.push({ place: `${run.experiment}/s${run.seed}`, artifact: 'every artifact', key: null });
  const reference = referenceSet(pieces.superWeights, referencePhase, phaseOf);
  return {
    ...run,
    status: missing.length === 0 ? 'complete' : 'incomplete',
    missing,
    reference,
    measurements: measurements(pieces, { reference, isFollowed }, phaseOf).map((measured) => ({
      ...measured,
      computation: computations.nameOf({ ...run, ...measured })!,
    })),
    curves: pieces.curves.flatMap((piece) => runCurve(piece, analysis)).sort((a, b) => a.round - b.round),
  };
}

/** Whether two coordinates name the same weight, whatever its value. */
export function sameWeight(a: WeightCoordinate, b: WeightCoordinate): boolean {
  return a.tensor === b.tensor && a.row === b.row && a.col === b.col;
}

/** The super weights that a detection confirmed, with their causal test, by falling effect. */
export function confirmedSuperWeights(report: SuperWeightReport): ConfirmedSuperWeight[] {
  return report.candidates
    .filter((candidate) => candidate.confirmed)
    .filter(
      ({ coordinate }, i, confirmed) => confirmed.findIndex((other) => sameWeight(other.coordinate, coordinate)) === i,
    )
    .map(({ coordinate, effect, effectStandardError, worstControl, inputRatio, outputRatio }) => ({
      coordinate,
      effect,
      effectStandardError,
      worstControl,
      inputRatio,
      outputRatio,
    }))
    .sort((a, b) => b.effect - a.effect);
}

function referenceSet(
  detections: Piece<SuperWeightReport>[],
  phase: 'start' | 'trained',
  phaseOf: PhaseOf,
): ReferenceSet {
  const defining = detections
    .map((piece) => ({ piece, round: piece.label.round, phase: phaseOf(piece.label) }))
    .filter((detection) => detection.phase === phase)
    .sort(inOrderOfTime)[0];
  if (defining === undefined) return { status: 'unknown', round: null, phase: null, key: null, superWeights: [] };
  const place = { round: defining.round, phase, key: defining.piece.key };
  const { content } = defining.piece;
  if (content === undefined || content.search === 'none') return { status: 'unknown', ...place, superWeights: [] };
  const superWeights = confirmedSuperWeights(content);
  const jointSets = (content.joint ?? []).map(jointSet);
  return {
    status: superWeights.length > 0 ? 'confirmed' : 'none-emerged',
    ...place,
    superWeights,
    ...(jointSets.length === 0 ? {} : { jointSets }),
  };
}

function jointSet({
  members,
  effect,
  effectStandardError,
  sumOfEffects,
  worstControl,
  confirmed,
  verdict,
}: JointEffect): JointSet {
  return { members, effect, effectStandardError, sumOfEffects, worstControl, confirmed, verdict };
}

/** What is followed through a run. */
interface Followed {
  reference: ReferenceSet;
  /** Whether every later detection must say what became of it. */
  isFollowed: boolean;
}

interface Moment {
  round: number;
  phase: Phase;
  evaluation?: Piece<Evaluation>;
  detection?: Piece<SuperWeightReport>;
}

/** Every moment of the run at which something was planned to be measured, even where both measurements are missing. */
function measurements(pieces: StudyPieces, followed: Followed, phaseOf: PhaseOf): Omit<Measurement, 'computation'>[] {
  const moments = new Map<string, Moment>();
  const momentOf = (label: NodeLabel): Moment => {
    const moment = { round: label.round, phase: phaseOf(label) };
    const name = `${moment.round} ${moment.phase}`;
    return moments.get(name) ?? moments.set(name, moment).get(name)!;
  };
  for (const piece of pieces.evaluations) momentOf(piece.label).evaluation = piece;
  for (const piece of pieces.superWeights) momentOf(piece.label).detection = piece;
  return [...moments.values()].sort(inOrderOfTime).map((moment) => measurement(moment, pieces, followed));
}

function measurement(moment: Moment, pieces: StudyPieces, followed: Followed): Omit<Measurement, 'computation'> {
  const { round, phase, evaluation, detection } = moment;
  const pruning = phase === 'pruned' ? pieces.prunings.find(({ label }) => label.round === round) : undefined;
  const survival = survivalOf(moment, followed);
  const { jointSurvival = [] } = detection?.content ?? {};
  const keys = { evaluation: evaluation?.key, superWeights: detection?.key, pruning: pruning?.key };
  return {
    round,
    phase,
    level: levelOf(round, phase),
    step: cumulativeStep(pieces, round, phase),
    sparsity: evaluation?.content?.sparsity ?? pruning?.content?.sparsity ?? null,
    evaluation: evaluation?.content ? measuredEvaluation(evaluation.content) : null,
    pruning: pruning?.content ? measuredPruning(pruning.content) : null,
    detection: detection?.content ? detectionResult(detection.content) : null,
    survival,
    ...(jointSurvival.length === 0 || survival.status === 'before-reference' ? {} : { jointSurvival }),
    newlyConfirmed:
      detection?.content?.search === 'none'
        ? null
        : survival.status === 'before-reference'
          ? []
          : (detection?.content?.confirmed ?? []).filter(
              (found) => !followed.reference.superWeights.some(({ coordinate }) => sameWeight(coordinate, found)),
            ),
    keys: Object.fromEntries(Object.entries(keys).filter((entry): entry is [string, string] => entry[1] !== undefined)),
  };
}

/** What is left of the reference set at one moment: one entry per reference super weight, in its order. */
function survivalOf(moment: Moment, { reference, isFollowed }: Followed): SurvivalResult {
  const defined =
    reference.phase === null || reference.round === null
      ? undefined
      : { phase: reference.phase, round: reference.round };
  if (defined !== undefined && inOrderOfTime(moment, defined) < 0) return { status: 'before-reference', weights: [] };
  if (reference.status === 'none-emerged') return { status: 'none-emerged', weights: [] };
  const report = moment.detection?.content;
  if (report === undefined || reference.status === 'unknown') return { status: 'missing', weights: [] };
  const weights: SurvivalResult['weights'] = [];
  for (const { coordinate } of reference.superWeights) {
    const found = report.survival.find((entry) => sameWeight(entry.coordinate, coordinate));
    if (found !== undefined) weights.push(found);
    else if (!isFollowed) return { status: 'missing', weights: [] };
    else
      throw new SwpError({
        kind: 'content',
        path: placeOf(moment.detection!.label),
        message: `This detection does not say what became of ${coordinate.tensor} [${coordinate.row}, ${coordinate.col}], a super weight of the run's reference set.`,
        remedy: "Give every later detect-sw step the run's reference detection as its input 'reference'.",
      });
  }
  return { status: 'measured', weights };
}

/**
 * Cumulative training steps at a moment: the end of the last training up to it. Null if a training before it left no
 * curve.
 */
function cumulativeStep({ curves }: StudyPieces, round: number, phase: Phase): number | null {
  if (phase === 'start') return 0;
  const before = curves.filter(({ label }) => label.round <= round);
  const last = before.sort((a, b) => b.label.round - a.label.round)[0];
  if (last === undefined) return 0;
  return last.content === undefined ? null : last.content.firstStep + last.content.steps;
}

function measuredEvaluation({
  loss,
  standardError,
  perplexity,
  tokens,
  surprisal,
  excess,
  excessStandardError,
  queries,
  retrievalAccuracy,
  byKind,
}: Evaluation): MeasuredEvaluation {
  return {
    loss,
    standardError,
    perplexity,
    tokens,
    surprisal,
    excess,
    excessStandardError,
    queries,
    retrievalAccuracy,
    byKind,
  };
}

function measuredPruning({
  prunable,
  pruned,
  prunedNow,
  sparsity,
  threshold,
  forced,
  protected: spared,
  kinds,
}: Pruning): MeasuredPruning {
  return { prunable, pruned, prunedNow, sparsity, threshold, forced: forced.length, protected: spared.length, kinds };
}

function detectionResult(report: SuperWeightReport): DetectionResult {
  const { search, baselineLoss, causalTokens, prunableWeights, candidates } = report;
  const isSought = search !== 'none';
  return {
    baselineLoss,
    causalTokens,
    prunableWeights,
    candidates: isSought ? candidates.length : null,
    confirmed: isSought ? confirmedSuperWeights(report) : null,
  };
}

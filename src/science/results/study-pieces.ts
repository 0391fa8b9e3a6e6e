/**
 * What aggregate is given: every artifact that the study planned, with its place, and its content where it exists.
 */
import { entryOf } from '../../base/json.ts';
import { SwpError } from '../../base/failure.ts';
import { placeOf } from '../../engine/stage.ts';
import type { NodeLabel } from '../../engine/stage.ts';
import type { StudyDeclaration } from '../../generated/aggregate.ts';
import type { LossCurve } from '../../generated/curve.ts';
import type { Evaluation } from '../../generated/evaluation.ts';
import type { Pruning } from '../../generated/pruning.ts';
import type { Phase } from '../../generated/results.ts';
import type { SuperWeightReport } from '../../generated/super-weights.ts';

/** One planned artifact. `content` is undefined where the producing node failed or was not run. */
export interface Piece<Content> {
  label: NodeLabel;
  artifact: string;
  /** Recipe key of the producing node. */
  key: string;
  content?: Content;
}

export interface StudyPieces {
  curves: Piece<LossCurve>[];
  prunings: Piece<Pruning>[];
  evaluations: Piece<Evaluation>[];
  superWeights: Piece<SuperWeightReport>[];
}

/** When within its round a measurement was taken, as its step declares it in pipeline.json. */
export type PhaseOf = (label: NodeLabel) => Phase;

/** @returns a function that throws an SwpError for a step that does not say what it measures */
export function declaredPhases({ steps }: StudyDeclaration): PhaseOf {
  return (label) => {
    const phase = entryOf(steps, label.step)?.measures;
    if (phase !== undefined) return phase;
    throw new SwpError({
      kind: 'content',
      path: placeOf(label),
      message: `The step "${label.step}" does not say what it measures.`,
      remedy: 'Add "measures" to the step in pipeline.json: "start", "trained" or "pruned".',
    });
  };
}

/**
 * How many rounds' prunes lie behind a measurement: `pruned` of round r and `trained` of round r + 1 see the same mask,
 * so they share a level; level 0 is the unpruned model.
 */
export function levelOf(round: number, phase: Phase): number {
  return phase === 'trained' ? Math.max(0, round - 1) : round;
}

const WITHIN_ROUND: Record<Phase, number> = { start: 0, trained: 1, pruned: 2 };

/** Orders measurements as they happen in a run. */
export function inOrderOfTime(a: { round: number; phase: Phase }, b: { round: number; phase: Phase }): number {
  return a.round - b.round || WITHIN_ROUND[a.phase] - WITHIN_ROUND[b.phase];
}

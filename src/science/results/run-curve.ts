/** A round's loss curve, thinned for the report. */
import type { AnalysisDeclaration } from '../../generated/aggregate.ts';
import type { LossCurve } from '../../generated/curve.ts';
import type { RunCurve } from '../../generated/results.ts';
import { curveTrend } from './curve-trend.ts';
import type { Piece } from './study-pieces.ts';

/** Points that a round keeps: enough for any plot, and results.json stays small at 20,000 training steps a round. */
const POINTS_PER_ROUND = 120;

/** The curve of one round; nothing where the training is missing (the run lists it as missing). */
export function runCurve(
  { label, key, content }: Piece<LossCurve>,
  { confidence, tolerance }: AnalysisDeclaration,
): RunCurve[] {
  if (content === undefined) return [];
  const { firstStep, steps } = content;
  const trend = curveTrend(content, confidence, tolerance);
  return [{ round: label.round, firstStep, steps, key, points: thinned(content), trend }];
}

/** Means over consecutive points, weighted by the training steps behind each, so that the curve's area is kept. */
function thinned({ firstStep, points }: LossCurve): RunCurve['points'] {
  const group = Math.ceil(points.length / POINTS_PER_ROUND);
  const thin: RunCurve['points'] = [];
  let before = firstStep;
  for (let start = 0; start < points.length; start += group) {
    const members = points.slice(start, start + group);
    const last = members.at(-1)!;
    const from = before;
    let sum = 0;
    let excess: number | null = 0;
    for (const { step, loss, surprisal } of members) {
      sum += loss * (step - before);
      excess = surprisal === null || excess === null ? null : excess + (loss - surprisal) * (step - before);
      before = step;
    }
    const steps = last.step - from;
    thin.push({
      step: last.step,
      loss: sum / steps,
      excess: excess === null ? null : excess / steps,
      learningRate: last.learningRate,
    });
  }
  return thin;
}

/** A round's loss curve, thinned for the report. */
import type { LossCurve } from '../../generated/curve.ts';
import type { RunCurve } from '../../generated/results.ts';
import type { Piece } from './study-pieces.ts';

/** Points that a round keeps: enough for any plot, and results.json stays small at 20,000 training steps a round. */
const POINTS_PER_ROUND = 120;

/** The curve of one round; nothing where the training is missing (the run lists it as missing). */
export function runCurve({ label, key, content }: Piece<LossCurve>): RunCurve[] {
  if (content === undefined) return [];
  const { firstStep, steps } = content;
  return [{ round: label.round, firstStep, steps, key, points: thinned(content) }];
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
    for (const { step, loss } of members) {
      sum += loss * (step - before);
      before = step;
    }
    thin.push({ step: last.step, loss: sum / (last.step - from), learningRate: last.learningRate });
  }
  return thin;
}

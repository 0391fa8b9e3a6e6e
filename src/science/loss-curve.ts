/** Records a training's loss curve: means over consecutive training steps, and what is needed to go on. */
import { readFile } from 'node:fs/promises';
import type { LossCurve } from '../generated/curve.ts';

export interface TrainedStep {
  /** Mean loss of the batch, nats per token. */
  loss: number;
  /** What the language itself loses on that batch, nats per token; null where that is not known. */
  surprisal: number | null;
  /** Norm of the masked gradient before clipping. */
  gradientNorm: number;
  learningRate: number;
}

const NOTHING = { loss: 0, surprisal: 0, gradientNorm: 0, steps: 0 };

export class CurveRecorder {
  readonly #firstStep: number;
  readonly #every: number;
  readonly #points: LossCurve['points'] = [];
  #sums: NonNullable<LossCurve['unfinished']> = { ...NOTHING };
  #steps = 0;
  #learningRate = 0;

  /**
   * @param firstStep the run's cumulative training step before this training
   * @param every training steps per point
   */
  constructor(firstStep: number, every: number) {
    this.#firstStep = firstStep;
    this.#every = every;
  }

  /**
   * Goes on with a curve that `curve` gave, to the same sums, bit for bit.
   * @param path of the curve's file
   */
  static async continue(path: string, every: number): Promise<CurveRecorder> {
    const { firstStep, steps, points, unfinished } = JSON.parse(await readFile(path, 'utf8')) as LossCurve;
    const recorder = new CurveRecorder(firstStep, every);
    recorder.#points.push(...(unfinished ? points.slice(0, -1) : points));
    recorder.#steps = steps;
    recorder.#learningRate = points.at(-1)?.learningRate ?? 0;
    if (unfinished) recorder.#sums = { ...unfinished };
    return recorder;
  }

  add({ loss, surprisal, gradientNorm, learningRate }: TrainedStep): void {
    this.#steps += 1;
    this.#learningRate = learningRate;
    this.#sums = {
      loss: this.#sums.loss + loss,
      surprisal: this.#sums.surprisal === null || surprisal === null ? null : this.#sums.surprisal + surprisal,
      gradientNorm: this.#sums.gradientNorm + gradientNorm,
      steps: this.#sums.steps + 1,
    };
    if (this.#sums.steps < this.#every) return;
    this.#points.push(this.#point());
    this.#sums = { ...NOTHING };
  }

  /** The curve so far; its last point is the mean over the training steps there are. */
  curve(): LossCurve {
    const unfinished = this.#sums.steps > 0;
    const points = unfinished ? [...this.#points, this.#point()] : [...this.#points];
    return {
      steps: this.#steps,
      firstStep: this.#firstStep,
      finalLoss: points.at(-1)?.loss ?? null,
      points,
      ...(unfinished && { unfinished: { ...this.#sums } }),
    };
  }

  #point(): LossCurve['points'][number] {
    const { loss, surprisal, gradientNorm, steps } = this.#sums;
    return {
      step: this.#firstStep + this.#steps,
      loss: loss / steps,
      surprisal: surprisal === null ? null : surprisal / steps,
      learningRate: this.#learningRate,
      gradientNorm: gradientNorm / steps,
    };
  }
}

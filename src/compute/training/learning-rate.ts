/** Learning-rate schedules: pure functions of the training step within a round. */
import { cos } from '../../base/stated-math.ts';

export interface LearningRateSchedule {
  schedule: 'constant' | 'warmup-constant' | 'warmup-cosine' | 'warmup-stable-decay';
  learningRate: number;
  steps: number;
  warmupSteps: number;
  /** Length of the final linear decay of warmup-stable-decay. */
  decaySteps: number;
  /** Lowest rate of a decay, as a share of learningRate. */
  floor: number;
}

/**
 * The learning rate of one training step.
 * Warm-up is linear and reaches the peak at its last step. Cosine: Loshchilov & Hutter 2017, one half period down to
 * the floor at the last step. Warm-up, stable, decay: linear to the floor over the last decaySteps.
 * @param step 0-based training step within the round
 */
export function learningRateAt(step: number, settings: LearningRateSchedule): number {
  const { schedule, learningRate, steps, floor } = settings;
  if (schedule === 'constant') return learningRate;
  const warmup = Math.min(settings.warmupSteps, steps);
  if (step < warmup) return (learningRate * (step + 1)) / warmup;
  switch (schedule) {
    case 'warmup-constant':
      return learningRate;
    case 'warmup-cosine': {
      const progress = steps - warmup <= 1 ? 1 : (step - warmup) / (steps - warmup - 1);
      return learningRate * (floor + (1 - floor) * 0.5 * (1 + cos(Math.PI * progress)));
    }
    case 'warmup-stable-decay': {
      const decay = Math.min(settings.decaySteps, steps - warmup);
      const into = step - (steps - decay) + 1;
      return into <= 0 ? learningRate : learningRate * (1 - (1 - floor) * (into / decay));
    }
  }
}

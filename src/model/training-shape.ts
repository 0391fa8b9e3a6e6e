/** The shape of the batch that one training step takes, and how it is divided into micro-batches. */
import { SwpError } from '../base/failure.ts';
import type { TrainParams } from '../generated/train.ts';
import type { DecoderShape } from './decoder/family.ts';

export interface TrainingShape extends DecoderShape {
  /** Micro-batches of equal size whose mean gradient the training step takes; 1 by default. A divisor of `batch`. */
  microBatches?: number;
}

/** @throws SwpError of kind `usage` if the micro-batches do not make up the batch */
export function trainingShape({
  batchSize,
  sequenceLength,
  microBatchSize,
}: Pick<Required<TrainParams>, 'batchSize' | 'sequenceLength' | 'microBatchSize'>): TrainingShape {
  const microBatches = microBatchSize === 0 ? 1 : batchSize / microBatchSize;
  if (!Number.isInteger(microBatches))
    throw new SwpError({
      kind: 'usage',
      message: `train.microBatchSize is ${microBatchSize}, which does not divide train.batchSize, ${batchSize}.`,
      expected: 'a divisor of it, or 0 for the whole batch at once',
    });
  return { batch: batchSize, sequence: sequenceLength, microBatches };
}

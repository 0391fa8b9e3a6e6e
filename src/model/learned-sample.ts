/** How much of a corpus is read to see whether weights have learned. Apart, as planning asks, which runs no model. */
import { familyOf } from './decoder/family-of.ts';
import type { DecoderShape, ModelConfig } from './decoder/family.ts';

const SEQUENCES = 8;
const LENGTH = 64;

export function learnedSample(config: ModelConfig): DecoderShape {
  return { batch: SEQUENCES, sequence: Math.min(LENGTH, familyOf(config).longestSequence(config)) };
}

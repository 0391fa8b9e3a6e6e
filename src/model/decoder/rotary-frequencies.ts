/**
 * The frequencies of rotary positions (Su et al. 2021), and how models that read longer sequences than they were
 * trained on at first slow them down. As in Hugging Face's transformers, modeling_rope_utils.py.
 */
import { pow } from '../../base/stated-math.ts';

export type RopeScaling =
  /** All frequencies divided by a factor (Chen et al. 2023, position interpolation). */
  | { type: 'linear'; factor: number }
  /**
   * Of Llama 3.1: frequencies whose wave is longer than `originalPositions / lowFrequency` are divided by the factor,
   * those shorter than `originalPositions / highFrequency` are kept, and in between both are mixed.
   */
  | { type: 'llama3'; factor: number; lowFrequency: number; highFrequency: number; originalPositions: number };

export interface RotaryPositions {
  /** Base of the angles. */
  ropeTheta: number;
  headWidth: number;
  ropeScaling?: RopeScaling | undefined;
}

/** Radians per position of each pair of a head's features: headWidth / 2 of them. */
export function rotaryFrequencies({ ropeTheta, headWidth, ropeScaling }: RotaryPositions): Float64Array {
  return Float64Array.from({ length: headWidth / 2 }, (_, pair) => {
    const frequency = pow(ropeTheta, (-2 * pair) / headWidth);
    return ropeScaling === undefined ? frequency : scaled(frequency, ropeScaling);
  });
}

function scaled(frequency: number, scaling: RopeScaling): number {
  const { factor } = scaling;
  if (scaling.type === 'linear') return frequency / factor;
  const { lowFrequency, highFrequency, originalPositions } = scaling;
  const waves = (originalPositions * frequency) / (2 * Math.PI);
  if (waves < lowFrequency) return frequency / factor;
  if (waves > highFrequency) return frequency;
  const kept = (waves - lowFrequency) / (highFrequency - lowFrequency);
  return (1 - kept) * (frequency / factor) + kept * frequency;
}

const OF_LLAMA3 = ['lowFrequency', 'highFrequency', 'originalPositions'];

/** JSON Schema (draft-07) of RopeScaling. */
export const ROPE_SCALING_SCHEMA = {
  description: 'how rotary frequencies are slowed down',
  type: 'object',
  additionalProperties: false,
  required: ['type', 'factor'],
  properties: {
    type: { enum: ['linear', 'llama3'] },
    factor: { type: 'number', minimum: 1e-6, maximum: 1e6 },
    lowFrequency: { type: 'number', exclusiveMinimum: 0, maximum: 1e30 },
    highFrequency: { type: 'number', exclusiveMinimum: 0, maximum: 1e30 },
    originalPositions: { type: 'integer', minimum: 1, maximum: 1e9 },
  },
  if: { properties: { type: { const: 'llama3' } } },
  then: { required: OF_LLAMA3 },
  else: { properties: Object.fromEntries(OF_LLAMA3.map((name) => [name, false])) },
};

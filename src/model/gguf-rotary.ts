/**
 * Which slowing of rotary positions the factors in a GGUF file came from. llama.cpp keeps what Llama 3's scaling
 * divides every angle by, and not the scaling's own numbers.
 */
import { pow } from '../base/stated-math.ts';
import type { JsonObject } from '../base/json.ts';

/** `factor` of the models that Meta published with this scaling: Llama 3.1 and 3.3; 3.2; Llama 4's text models. */
const FACTORS = [8, 32, 16];
const SCALING = {
  rope_type: 'llama3',
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
};
/** The factors are float32, and two programs may round them differently. */
const TOLERANCE = 1e-5;

/**
 * @param factors one for each pair of features
 * @param base of the rotary angles
 * @returns `rope_scaling` as config.json has it; undefined if no known one has these factors
 */
export function llama3Scaling(factors: Float32Array, base: number, headWidth: number): JsonObject | undefined {
  const found = FACTORS.find(
    (factor) =>
      factors.length === headWidth / 2 &&
      factors.every((each, index) => {
        const expected = llama3Factor(factor, pow(base, (2 * index) / headWidth));
        return Math.abs(each - expected) <= TOLERANCE * expected;
      }),
  );
  return found === undefined ? undefined : { ...SCALING, factor: found };
}

/** Source: `convert_hf_to_gguf.py` of llama.cpp, LlamaModel.generate_extra_tensors. @param inverse of the frequency */
function llama3Factor(factor: number, inverse: number): number {
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: positions } = SCALING;
  const wavelength = 2 * Math.PI * inverse;
  if (wavelength < positions / high) return 1;
  if (wavelength > positions / low) return factor;
  const smooth = (positions / wavelength - low) / (high - low);
  return 1 / ((1 - smooth) / factor + smooth);
}

/**
 * Hidden units of an MLP that are cut off: none of their inputs is left, and no bias speaks in their place, so they
 * hold 0 whatever the residual stream does. That follows from the weights alone.
 */
import type { ChannelReader } from './decoder/family.ts';
import type { LanguageModel } from './language-model.ts';

type Tensors = Pick<LanguageModel, 'weight' | 'shape'>;

/**
 * @param readers of the layer, as its family declares them
 * @returns [feedForward], 1 = cut off
 */
export function cutOffUnits(readers: readonly ChannelReader[], tensors: Tensors): Uint8Array {
  const silent = readers.map((reader) => silencedBy(reader, tensors));
  return Uint8Array.from(silent[0] ?? [], (_, unit) => (silent.some((units) => units[unit] === 1) ? 1 : 0));
}

/** The units to which a reader gives 0 for every input. */
function silencedBy(reader: ChannelReader, tensors: Tensors): Uint8Array {
  const [units, width] = tensors.shape(reader.weight) as [number, number];
  const matrix = tensors.weight(reader.weight);
  const vector = (name: string | undefined) => (name === undefined ? undefined : tensors.weight(name));
  const [gain, shift, bias] = [vector(reader.gain), vector(reader.shift), vector(reader.bias)];
  return Uint8Array.from({ length: units }, (_, unit) => {
    if (bias !== undefined && bias[unit] !== 0) return 0;
    for (let feature = 0; feature < width; feature++)
      if (matrix[unit * width + feature] !== 0 && (gain?.[feature] !== 0 || (shift?.[feature] ?? 0) !== 0)) return 0;
    return 1;
  });
}

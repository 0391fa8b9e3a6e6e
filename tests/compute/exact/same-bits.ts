/** Compares tensors by their bits. */
import { expect } from 'vitest';
import type { TensorData } from '../../../src/compute/runtimes/runtime.ts';

type Tensors = Readonly<Record<string, TensorData>>;

export function expectSameBits(actual: Tensors, expected: Tensors): void {
  expect(Object.keys(actual).toSorted()).toEqual(Object.keys(expected).toSorted());
  for (const [name, data] of Object.entries(expected))
    expect({ [name]: bitsOf(actual[name]!) }).toEqual({ [name]: bitsOf(data) });
}

/** Bits as text, every NaN alike: what a difference is shown as. */
function bitsOf(data: TensorData): string[] {
  const bits = new Uint32Array(data.slice().buffer);
  return Array.from(data, (x, index) => (Number.isNaN(x) ? 'NaN' : `${x} ${bits[index]!.toString(16)}`));
}

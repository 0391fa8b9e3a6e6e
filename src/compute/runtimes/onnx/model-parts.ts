/** Nodes and constants that translations of many operators are made of. */
import { DATA_TYPE, type OnnxModel } from './onnx-model.ts';

export function scalar(model: OnnxModel, value: number): string {
  return model.constant(Float32Array.of(value), []);
}

export function integers(model: OnnxModel, values: readonly number[]): string {
  return model.constant(BigInt64Array.from(values, BigInt), [values.length]);
}

export function cast(model: OnnxModel, name: string, type: keyof typeof DATA_TYPE): string {
  return model.node('Cast', [name], { to: { int: DATA_TYPE[type] } });
}

/**
 * How a graph is translated for an execution provider of ONNX Runtime. The CPU's choices are the fastest ones measured.
 * Other devices have other kernels; a node without one would be computed by the CPU, and all that it reads and writes
 * would be copied between device and CPU in every run.
 */
import type { Device, Precision } from '../runtime.ts';

export interface Dialect {
  /**
   * Type to which the operands of matrix products are rounded; products are summed in float32 and returned as float32.
   */
  operands: 'float32' | 'bfloat16';
  /** Operators without a kernel, which are composed of others; `CastInt64` is a conversion from int64. */
  lacks: ReadonlySet<'FusedMatMul' | 'LogSoftmax' | 'OneHot' | 'CastInt64'>;
  /** Whether sums of columns are products with ones: where products are rounded to fewer bits, sums must not be. */
  sumByProduct: boolean;
  /** Whether there is a kernel that adds to single elements (ScatterElements). */
  scatterElements: boolean;
  /**
   * How many times smaller than the second operand of a product the first must be for transposing it beforehand to pay;
   * the kernel reads a transposed first operand more slowly.
   */
  transposeFirst: number;
  /** Up to this many rows, scattering is a product with a one-hot matrix, which adds in a fixed order. */
  scatterByProduct: number;
  /** Up to this depth, a one-hot matrix is gathered from an identity. */
  oneHotByGather: number;
}

const CPU: Dialect = {
  operands: 'float32',
  lacks: new Set(),
  sumByProduct: true,
  transposeFirst: 8,
  scatterByProduct: 0,
  scatterElements: true,
  oneHotByGather: 1024,
};

const DIALECTS: Record<Device, Dialect> = {
  cpu: CPU,
  // CUDA scatters with atomic additions, whose order and so whose last bits vary from run to run; the one-hot matrix of
  // the product is no larger than the logits, which exist anyway.
  cuda: { ...CPU, transposeFirst: Infinity, sumByProduct: false, scatterByProduct: Infinity, scatterElements: false },
  webgpu: {
    ...CPU,
    transposeFirst: Infinity,
    lacks: new Set(['FusedMatMul', 'LogSoftmax', 'OneHot', 'CastInt64']),
    scatterByProduct: Infinity,
    scatterElements: false,
  },
};

export const CPU_DIALECT = CPU;

export function dialectFor({ device, precision }: { device: Device; precision: Precision }): Dialect {
  return precision === 'bf16' ? { ...DIALECTS[device], operands: 'bfloat16' } : DIALECTS[device];
}

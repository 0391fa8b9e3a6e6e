/**
 * The operators of the graph IR: a small closed set, so that every table over it (shapes, gradients, runtimes) is
 * checked for completeness by the compiler. Shapes are static. Element-wise operators broadcast as numpy does.
 */
import type { Table } from './table.ts';

export type DType = 'float32' | 'int32';

export interface Value {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

export interface MatmulAttributes {
  /** Swap the last two axes of the first / second operand. */
  transA: boolean;
  transB: boolean;
  /**
   * Where the batch axis of a rank-3 operand stands: `leading` [batch, m, k], or `inner` [m, batch, k].
   * `inner` lets a feature-major activation [features, tokens] serve as [head feature, head x sequence, position]
   * without a copy.
   */
  batchA: 'leading' | 'inner';
  batchB: 'leading' | 'inner';
  /** Factor on the product. */
  alpha: number;
}

export type Operation =
  | { readonly op: 'input'; readonly name: string }
  | { readonly op: 'constant'; readonly table: Table }
  | { readonly op: 'add' | 'sub' | 'mul' | 'div' }
  /** The larger of two, element by element; without a gradient. */
  | { readonly op: 'maximum' }
  /** x * factor + offset */
  | { readonly op: 'affine'; readonly factor: number; readonly offset: number }
  | { readonly op: 'exp' | 'log' | 'sqrt' | 'rsqrt' | 'square' | 'sigmoid' | 'silu' | 'gelu' }
  /** The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x. */
  | { readonly op: 'erf' }
  /** Operands of rank 2, or of rank 3 with equal batch; the result has its batch leading. */
  | ({ readonly op: 'matmul' } & Readonly<MatmulAttributes>)
  /** Sum over the axes, which stay with length 1. */
  | { readonly op: 'sum'; readonly axes: readonly number[] }
  | { readonly op: 'expand'; readonly shape: readonly number[] }
  | { readonly op: 'reshape'; readonly shape: readonly number[] }
  | { readonly op: 'transpose'; readonly permutation: readonly number[] }
  | { readonly op: 'slice'; readonly axis: number; readonly start: number; readonly end: number }
  | { readonly op: 'concat'; readonly axis: number }
  /**
   * Softmax over the last axis of [.., t, t] in which position i sees 0..i. `centredGradient`: the gradient that
   * arrives is orthogonal to every row of the result, as that of `mixValues` is.
   */
  | { readonly op: 'causalSoftmax'; readonly centredGradient: boolean }
  /**
   * Values [c, n, t] mixed by attention weights [n, t, t] whose rows sum to 1 -> [n, c, t]. A product whose gradient
   * for the weights leaves out what their softmax removes anyway: see graph.attend.
   */
  | { readonly op: 'mixValues' }
  /** Log-softmax over the last axis. */
  | { readonly op: 'logSoftmax' }
  /** values [n, c], int32 index [n] -> [n]: values[i, index[i]]. */
  | { readonly op: 'pick' }
  /** int32 index [n] -> [n, depth] of 0 and 1. */
  | { readonly op: 'oneHot'; readonly depth: number }
  /** x [n, c], int32 index [n] -> x - oneHot(index, c). */
  | { readonly op: 'subtractOneHot' }
  /** table [rows, d], int32 index [n] -> [n, d]. */
  | { readonly op: 'gatherRows' }
  /** updates [n, d], int32 index [n] -> [rows, d]: rows summed where the index repeats. */
  | { readonly op: 'scatterAddRows'; readonly rows: number }
  /** Index of the largest element of the last axis, the first one at ties: int32. */
  | { readonly op: 'argmax' };

export type OperatorName = Operation['op'];

export interface OperationNode {
  readonly operation: Operation;
  readonly inputs: readonly Value[];
  readonly output: Value;
  /** The part of the model to which the node belongs, e.g. `model.layers.0.mlp`, or empty: documentation only. */
  readonly scope: string;
}

/** The operation of one name, e.g. `OperationOf<'slice'>`. */
export type OperationOf<Name extends OperatorName> = Extract<Operation, { op: Name }>;

/** The product that `mixValues` is. */
export const MIX_VALUES: MatmulAttributes = {
  transA: false,
  transB: true,
  batchA: 'inner',
  batchB: 'leading',
  alpha: 1,
};

/** gelu(x) = x sigmoid(scale (x + cubic x^3)). */
export const GELU = { scale: Math.sqrt(8 / Math.PI), cubic: 0.044715 } as const;

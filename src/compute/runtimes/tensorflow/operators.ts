/**
 * Computes one node of a graph through the TensorFlow.js API: one function, one case per operator, all in float32.
 */
import { GELU, MIX_VALUES, type OperationNode, type OperationOf } from '../../graph/operation.ts';
import type { SessionConstants } from './session-constants.ts';
import type { Tensor, TensorFlowApi } from './tensorflow-backend.ts';

/**
 * The result may share memory with an operand; whoever owns the operands disposes of each all the same, since
 * TensorFlow.js counts references. Intermediate tensors are left to the caller's `tf.tidy`.
 * @param inputs tensors of the node's inputs
 * @throws Error for inputs and constants: those are given
 */
export function compute(
  tf: TensorFlowApi,
  constants: SessionConstants,
  { operation, output }: OperationNode,
  inputs: readonly Tensor[],
): Tensor {
  const [a, b] = inputs as [Tensor, Tensor];
  switch (operation.op) {
    case 'input':
    case 'constant':
      throw new Error(`${operation.op} is given, not computed.`);
    case 'add':
      return tf.add(a, b);
    case 'sub':
      return tf.sub(a, b);
    case 'mul':
      return tf.mul(a, b);
    case 'div':
      return tf.div(a, b);
    case 'maximum':
      return tf.maximum(a, b);
    case 'affine': {
      const { factor, offset } = operation;
      const scaled = factor === 1 ? a : tf.mul(a, constants.scalar(factor));
      return offset === 0 ? scaled : tf.add(scaled, constants.scalar(offset));
    }
    case 'exp':
      return tf.exp(a);
    case 'log':
      return tf.log(a);
    case 'sqrt':
      return tf.sqrt(a);
    case 'rsqrt':
      return tf.rsqrt(a);
    case 'square':
      return tf.square(a);
    case 'sigmoid':
      return tf.sigmoid(a);
    case 'silu':
      return tf.mul(a, tf.sigmoid(a));
    case 'gelu': {
      const slope = tf.add(
        tf.mul(tf.square(a), constants.scalar(GELU.scale * GELU.cubic)),
        constants.scalar(GELU.scale),
      );
      return tf.mul(a, tf.sigmoid(tf.mul(a, slope)));
    }
    case 'erf':
      return tf.erf(a);
    case 'matmul':
      return matmul(tf, constants, operation, a, b);
    case 'mixValues':
      return matmul(tf, constants, { op: 'matmul', ...MIX_VALUES }, a, b);
    case 'sum':
      return tf.sum(a, [...operation.axes], true);
    case 'expand':
      return tf.broadcastTo(a, [...operation.shape]);
    case 'reshape':
      return tf.reshape(a, [...operation.shape]);
    case 'transpose':
      return tf.transpose(a, [...operation.permutation]);
    case 'slice':
      return tf.slice(
        a,
        a.shape.map((_, axis) => (axis === operation.axis ? operation.start : 0)),
        [...output.shape],
      );
    case 'concat':
      return tf.concat([...inputs], operation.axis);
    case 'causalSoftmax':
      return tf.softmax(tf.add(a, constants.causalMask(a.shape.at(-1)!)));
    case 'logSoftmax':
      return tf.logSoftmax(a);
    case 'pick':
      return tf.gatherND(a, tf.stack([constants.range(a.shape[0]!), b], 1));
    case 'oneHot':
      return oneHot(tf, a, operation.depth);
    case 'subtractOneHot':
      return tf.sub(a, oneHot(tf, b, a.shape[1]!));
    case 'gatherRows':
      return tf.gather(a, b);
    case 'scatterAddRows':
      return tf.unsortedSegmentSum(a, b as Parameters<TensorFlowApi['unsortedSegmentSum']>[1], operation.rows);
    case 'argmax':
      return tf.argMax(a, -1);
  }
}

function matmul(
  tf: TensorFlowApi,
  constants: SessionConstants,
  operation: OperationOf<'matmul'>,
  a: Tensor,
  b: Tensor,
): Tensor {
  const batchLeading = (operand: Tensor, batch: 'leading' | 'inner') =>
    operand.rank === 3 && batch === 'inner' ? tf.transpose(operand, [1, 0, 2]) : operand;
  const product = tf.matMul(
    batchLeading(a, operation.batchA),
    batchLeading(b, operation.batchB),
    operation.transA,
    operation.transB,
  );
  return operation.alpha === 1 ? product : tf.mul(product, constants.scalar(operation.alpha));
}

function oneHot(tf: TensorFlowApi, index: Tensor, depth: number): Tensor {
  // TensorFlow.js refuses a depth below 2; the only index below 1 is 0.
  return depth === 1 ? tf.ones([...index.shape, 1]) : tf.oneHot(index, depth, 1, 0, 'float32');
}

/** The gradient rule of every operator: from the gradient of its output to the gradients of its inputs. */
import type { Graph } from '../graph/graph.ts';
import { GELU, MIX_VALUES, type MatmulAttributes, type OperationNode, type Value } from '../graph/operation.ts';
import { GraphError } from '../graph/shape.ts';
import { Table } from '../graph/table.ts';

/**
 * @param upstream gradient of the node's output
 * @param needed for each input, whether its gradient will be used
 * @returns per input its gradient, or undefined where there is none (integer inputs)
 */
export function differentiate(
  graph: Graph,
  { operation, inputs, output, scope }: OperationNode,
  upstream: Value,
  needed: readonly boolean[],
): (Value | undefined)[] {
  const [a, b] = inputs as [Value, Value];
  switch (operation.op) {
    case 'input':
    case 'constant':
      return [];
    case 'add':
      return [reduceTo(graph, upstream, a.shape), reduceTo(graph, upstream, b.shape)];
    case 'sub':
      return [
        reduceTo(graph, upstream, a.shape),
        needed[1] ? reduceTo(graph, graph.affine(upstream, -1), b.shape) : undefined,
      ];
    case 'mul':
      return [
        needed[0] ? reduceTo(graph, graph.mul(upstream, b), a.shape) : undefined,
        needed[1] ? reduceTo(graph, graph.mul(upstream, a), b.shape) : undefined,
      ];
    case 'div': {
      const scaled = graph.div(upstream, b);
      return [
        reduceTo(graph, scaled, a.shape),
        needed[1] ? reduceTo(graph, graph.affine(graph.mul(scaled, output), -1), b.shape) : undefined,
      ];
    }
    case 'affine':
      return [graph.affine(upstream, operation.factor)];
    case 'exp':
      return [graph.mul(upstream, output)];
    case 'log':
      return [graph.div(upstream, a)];
    case 'sqrt':
      return [graph.affine(graph.div(upstream, output), 0.5)];
    case 'rsqrt': // d x^-1/2 = -1/2 x^-3/2 dx
      return [graph.affine(graph.mul(upstream, graph.mul(output, graph.square(output))), -0.5)];
    case 'square':
      return [graph.mul(graph.affine(upstream, 2), a)];
    case 'sigmoid':
      return [graph.mul(upstream, graph.sub(output, graph.square(output)))];
    case 'silu': {
      // y = x s(x): dy = s + y (1 - s) = s (1 - y) + y
      const s = graph.sigmoid(a);
      return [graph.mul(upstream, graph.add(graph.sub(s, graph.mul(s, output)), output))];
    }
    case 'gelu': {
      // y = x s(z), z = c x + c k x^3: dy = s + y (1 - s) dz, dz = c + 3 c k x^2
      const square = graph.square(a);
      const s = graph.sigmoid(graph.mul(a, graph.affine(square, GELU.scale * GELU.cubic, GELU.scale)));
      const slope = graph.affine(square, 3 * GELU.scale * GELU.cubic, GELU.scale);
      return [graph.mul(upstream, graph.add(s, graph.mul(graph.sub(output, graph.mul(output, s)), slope)))];
    }
    case 'erf': // 2 / sqrt(pi) exp(-x^2)
      return [graph.mul(upstream, graph.affine(graph.exp(graph.affine(graph.square(a), -1)), 2 / Math.sqrt(Math.PI)))];
    case 'matmul':
      return matmulGradients(graph, operation, a, b, upstream, needed);
    case 'mixValues': {
      const [values] = matmulGradients(graph, MIX_VALUES, a, b, upstream, [true, false]);
      return [values, needed[1] ? centredWeightGradient(graph, a, upstream, output) : undefined];
    }
    case 'sum':
      return [graph.expand(upstream, a.shape)];
    case 'expand':
      return [reduceTo(graph, upstream, a.shape)];
    case 'reshape':
      return [graph.reshape(upstream, a.shape)];
    case 'transpose': {
      const inverse: number[] = [];
      operation.permutation.forEach((axis, index) => (inverse[axis] = index));
      return [graph.transpose(upstream, inverse)];
    }
    case 'concat': {
      let start = 0;
      return inputs.map((input) => {
        const end = start + input.shape[operation.axis]!;
        const part = graph.slice(upstream, operation.axis, start, end);
        start = end;
        return part;
      });
    }
    case 'causalSoftmax': {
      // dS = P (dP - rowsum(dP P)); masked positions have P = 0.
      if (operation.centredGradient) return [graph.mul(upstream, output)];
      const weighted = graph.mul(upstream, output);
      return [graph.sub(weighted, graph.mul(output, graph.sum(weighted, [a.shape.length - 1])))];
    }
    case 'subtractOneHot':
      return [upstream, undefined];
    case 'logSoftmax': {
      const picked = pickedGradient(graph, upstream);
      // Cross-entropy: one element per row was picked, so dX = g (oneHot - softmax), and no one-hot matrix is made.
      if (picked)
        return [graph.mul(graph.subtractOneHot(graph.exp(output), picked.index), graph.affine(picked.gradient, -1))];
      return [graph.sub(upstream, graph.mul(graph.exp(output), graph.sum(upstream, [a.shape.length - 1])))];
    }
    case 'pick': {
      const [count, columns] = a.shape as [number, number];
      return [graph.mul(graph.oneHot(b, columns), graph.reshape(upstream, [count, 1])), undefined];
    }
    case 'gatherRows':
      return [graph.scatterAddRows(upstream, b, a.shape[0]!), undefined];
    case 'scatterAddRows':
      return [graph.gatherRows(upstream, b), undefined];
    case 'slice': // see GradientSums
    case 'oneHot':
    case 'argmax':
    case 'maximum':
      throw new GraphError(
        `${operation.op} has no gradient${scope === '' ? '' : ` (in ${scope})`}. Use operators that have one, or give it one in autodiff/rules.ts.`,
      );
  }
}

/**
 * dP - D of graph.attend: the product of dO and the values over the channels, with one channel more, in which dO holds
 * -D and the values hold 1.
 */
function centredWeightGradient(graph: Graph, values: Value, upstream: Value, output: Value): Value {
  const [, count, length] = values.shape as [number, number, number];
  const excess = graph.affine(graph.sum(graph.mul(upstream, output), [1]), -1);
  const ones = graph.constant(Table.filled(count * length, 1), [1, count, length]);
  return graph.matmul(graph.concat([upstream, excess], 1), graph.concat([values, ones], 0), {
    transA: true,
    batchB: 'inner',
  });
}

/** Index and gradient [n, 1] of a `pick`, if that is where the upstream gradient comes from: see its rule. */
function pickedGradient(graph: Graph, upstream: Value): { index: Value; gradient: Value } | undefined {
  const product = graph.producer(upstream);
  const scaled =
    product.operation.op === 'affine' && product.operation.offset === 0 ? product.operation.factor : undefined;
  const marked = graph.producer(product.inputs[0] ?? upstream);
  if (
    marked.operation.op !== 'oneHot' ||
    upstream.shape.length !== 2 ||
    `${marked.output.shape}` !== `${upstream.shape}`
  )
    return undefined;
  const index = marked.inputs[0]!;
  if (scaled !== undefined)
    return { index, gradient: graph.expand(graph.constant(Float32Array.of(scaled), [1, 1]), [index.shape[0]!, 1]) };
  const gradient = product.operation.op === 'mul' ? product.inputs[1]! : undefined;
  return gradient?.shape.at(-1) === 1 ? { index, gradient } : undefined; // a factor per element is no pick's
}

/** Sums a gradient over the axes along which its value was broadcast. */
function reduceTo(graph: Graph, gradient: Value, shape: readonly number[]): Value {
  const extra = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((length, axis) =>
    axis < extra || (shape[axis - extra] === 1 && length !== 1) ? [axis] : [],
  );
  return graph.reshape(graph.sum(gradient, axes), shape);
}

/**
 * For C = alpha A' B' with A', B' the operands as the product sees them: dA' = alpha dC B'^T, dB' = alpha A'^T dC.
 * An operand that was transposed gets its gradient transposed by swapping the factors instead of by a copy; one whose
 * batch stands inside needs that copy, since a product has its batch leading.
 */
function matmulGradients(
  graph: Graph,
  { transA, transB, batchA, batchB, alpha }: MatmulAttributes,
  a: Value,
  b: Value,
  upstream: Value,
  needed: readonly boolean[],
): (Value | undefined)[] {
  const inward = (gradient: Value, batch: MatmulAttributes['batchA']) =>
    batch === 'inner' && gradient.shape.length === 3 ? graph.transpose(gradient, [1, 0, 2]) : gradient;
  const gradientA = () =>
    transA
      ? graph.matmul(b, upstream, { transA: transB, batchA: batchB, transB: true, alpha })
      : graph.matmul(upstream, b, { transB: !transB, batchB, alpha });
  const gradientB = () =>
    transB
      ? graph.matmul(upstream, a, { transA: true, transB: transA, batchB: batchA, alpha })
      : graph.matmul(a, upstream, { transA: !transA, batchA, alpha });
  return [needed[0] ? inward(gradientA(), batchA) : undefined, needed[1] ? inward(gradientB(), batchB) : undefined];
}

/** What element-wise operators compute, in the vector language. */
import type { Operation, OperatorName } from '../../../graph/operation.ts';
import type { Body } from '../body.ts';
import { erf, exp, gelu, log, rsqrt, sigmoid, silu } from '../functions.ts';
import type { Variable } from '../language.ts';

/** Whether an operator's result at a place depends on its operands at that place alone. */
const IS_ELEMENTWISE = {
  add: true,
  sub: true,
  mul: true,
  div: true,
  maximum: true,
  affine: true,
  exp: true,
  log: true,
  sqrt: true,
  rsqrt: true,
  square: true,
  sigmoid: true,
  silu: true,
  gelu: true,
  erf: true,
  oneHot: true,
  subtractOneHot: true,
  input: false,
  constant: false,
  matmul: false,
  mixValues: false,
  sum: false,
  expand: false,
  reshape: false,
  transpose: false,
  slice: false,
  concat: false,
  causalSoftmax: false,
  logSoftmax: false,
  pick: false,
  gatherRows: false,
  scatterAddRows: false,
  argmax: false,
} as const satisfies Record<OperatorName, boolean>;

type ElementwiseName = {
  [Name in OperatorName]: (typeof IS_ELEMENTWISE)[Name] extends true ? Name : never;
}[OperatorName];
type Elementwise = Extract<Operation, { op: ElementwiseName }>;

export function isElementwise(operation: Operation): operation is Elementwise {
  return IS_ELEMENTWISE[operation.op];
}

/**
 * @param operands of `oneHot` and `subtractOneHot`: the index as a float32 in place of the integer operand
 * @param column the coordinate along the last axis, for these two
 */
export function compute(
  body: Body,
  operation: Elementwise,
  [a, b]: readonly Variable[],
  column: () => Variable,
): Variable {
  switch (operation.op) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
      return body[operation.op](a!, b!);
    case 'maximum':
      return body.max(a!, b!);
    case 'affine': {
      const scaled = operation.factor === 1 ? a! : body.mul(a!, body.constant(operation.factor));
      return operation.offset === 0 ? scaled : body.add(scaled, body.constant(operation.offset));
    }
    case 'square':
      return body.mul(a!, a!);
    case 'sqrt':
      return body.sqrt(a!);
    case 'exp':
      return exp(body, a!);
    case 'log':
      return log(body, a!);
    case 'rsqrt':
      return rsqrt(body, a!);
    case 'sigmoid':
      return sigmoid(body, a!);
    case 'silu':
      return silu(body, a!);
    case 'gelu':
      return gelu(body, a!);
    case 'erf':
      return erf(body, a!);
    case 'oneHot':
      return body.select(body.equal(column(), a!), body.constant(1), body.constant(0));
    case 'subtractOneHot':
      return body.select(body.equal(column(), b!), body.sub(a!, body.constant(1)), a!);
  }
}

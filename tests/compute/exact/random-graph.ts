/**
 * Random graphs of many operators: values with several readers, views of views, axes of one element, gradients. Each
 * step of a recipe applies one operator to earlier values; what does not fit is left out, so that recipes shrink.
 */
import fc from 'fast-check';
import { gradients } from '../../../src/compute/autodiff/gradients.ts';
import { Graph } from '../../../src/compute/graph/graph.ts';
import type { Value } from '../../../src/compute/graph/operation.ts';
import type { TensorData } from '../../../src/compute/runtimes/runtime.ts';
import { elementCount } from '../../../src/base/element-count.ts';
import { dataFor } from '../operator-cases.ts';

export interface Recipe {
  /** Lengths of the axes that values are made of. */
  lengths: readonly [number, number, number];
  steps: readonly Step[];
  /** Whether the gradients of all inputs are outputs, too. */
  differentiates: boolean;
  /** Of how many of the first inputs each repetition has its own part. */
  advancing: number;
  seed: number;
}

interface Step {
  name: keyof typeof STEPS;
  /** Which values it is applied to, counted from the last one. */
  of: number;
  with: number;
  how: number;
  isOutput: boolean;
}

const MOST_ELEMENTS = 3000;

/** What a step can choose from. */
class Choice {
  readonly graph: Graph;
  readonly values: Value[];
  readonly step: Step;
  readonly indices: (count: number, below: number) => Value;
  constructor(graph: Graph, values: Value[], step: Step, indices: (count: number, below: number) => Value) {
    this.graph = graph;
    this.values = values;
    this.step = step;
    this.indices = indices;
  }

  get first(): Value {
    return this.values[this.values.length - 1 - (this.step.of % this.values.length)]!;
  }

  /** One of the values for which a condition holds. */
  second(fits: (value: Value) => boolean): Value | undefined {
    const fitting = this.values.filter(fits);
    return fitting[fitting.length - 1 - (this.step.with % fitting.length)];
  }

  axis({ shape }: Value): number {
    return this.step.how % shape.length;
  }
}

const broadcasts = (a: Value, b: Value) =>
  Array.from({ length: Math.max(a.shape.length, b.shape.length) }, (_, axis) => {
    const [x, y] = [a.shape.at(-1 - axis) ?? 1, b.shape.at(-1 - axis) ?? 1];
    return x === y || x === 1 || y === 1;
  }).every(Boolean);

const binary =
  (name: 'add' | 'sub' | 'mul' | 'maximum') =>
  (choice: Choice): Value | undefined => {
    const { first, graph } = choice;
    const second = choice.second((value) => broadcasts(first, value))!;
    return choice.step.how % 2 === 0 ? graph[name](first, second) : graph[name](second, first);
  };

const unary =
  (name: 'exp' | 'silu' | 'gelu' | 'erf' | 'square') =>
  ({ graph, first }: Choice): Value =>
    graph[name](graph.sigmoid(first));

const isMatrix = ({ shape }: Value) => shape.length === 2;
const isSquare = ({ shape }: Value) => shape.length === 3 && shape[1] === shape[2];
const isFlag = (number: number, bit: number) => ((number >> bit) & 1) === 1;

const STEPS = {
  add: binary('add'),
  sub: binary('sub'),
  mul: binary('mul'),
  maximum: binary('maximum'),
  exp: unary('exp'),
  silu: unary('silu'),
  gelu: unary('gelu'),
  erf: unary('erf'),
  square: unary('square'),
  affine: ({ graph, first, step }: Choice) => graph.affine(first, [0.5, -1, 1][step.how % 3]!, step.how % 2),
  div: ({ graph, first }: Choice) => graph.div(first, graph.affine(graph.square(graph.sigmoid(first)), 1, 1)),
  rsqrt: ({ graph, first }: Choice) => graph.rsqrt(graph.affine(graph.sigmoid(first), 1, 0.5)),
  log: ({ graph, first }: Choice) => graph.log(graph.affine(graph.sigmoid(first), 1, 0.5)),
  matmul: (choice: Choice) => {
    const { first, graph, step } = choice;
    const [transA, transB, innerA, innerB] = [0, 1, 2, 3].map((bit) => isFlag(step.how, bit)) as [
      boolean,
      boolean,
      boolean,
      boolean,
    ];
    const attributes = {
      ...{ transA, transB, alpha: isFlag(step.how, 4) ? 1 : 0.25 },
      ...(first.shape.length === 3 && {
        ...{ batchA: innerA ? ('inner' as const) : ('leading' as const) },
        ...{ batchB: innerB ? ('inner' as const) : ('leading' as const) },
      }),
    };
    const inner = (value: Value, isInner: boolean, isTransposed: boolean, isLeft: boolean) => {
      const [n, rows, columns] =
        value.shape.length === 2
          ? [1, ...value.shape]
          : isInner
            ? [value.shape[1]!, value.shape[0]!, value.shape[2]!]
            : value.shape;
      return [n, isTransposed === isLeft ? rows : columns];
    };
    if (first.shape.length !== 2 && first.shape.length !== 3) return undefined;
    const own = `${inner(first, innerA, transA, true)}`;
    const second = choice.second(
      (value) => value.shape.length === first.shape.length && `${inner(value, innerB, transB, false)}` === own,
    );
    return second && graph.matmul(first, second, attributes);
  },
  sum: (choice: Choice) => {
    const { graph, first, step } = choice;
    return graph.affine(
      graph.sum(
        first,
        [...first.shape.keys()].filter((axis) => isFlag(step.how, axis)),
      ),
      0.25,
    );
  },
  expand: ({ graph, values, first, step }: Choice) => {
    const larger = values[step.with % values.length]!;
    const isLarger =
      larger.shape.length >= first.shape.length &&
      first.shape.toReversed().every((length, axis) => length === 1 || length === larger.shape.at(-1 - axis));
    return isLarger ? graph.expand(first, larger.shape) : undefined;
  },
  reshape: ({ graph, first, step }: Choice) => {
    const count = elementCount(first.shape);
    const [a = 1, b = 1, c = 1] = first.shape;
    return graph.reshape(first, [[count], [a * b, c], [a, b * c], [a, 1, b * c], [b, c, a], [c, a * b]][step.how % 6]!);
  },
  transpose: ({ graph, first, step }: Choice) => {
    const { length } = first.shape;
    if (length === 2) return graph.transpose(first, [1, 0]);
    const permutations = [
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ];
    return length === 3 ? graph.transpose(first, permutations[step.how % 5]!) : undefined;
  },
  slice: (choice: Choice) => {
    const { graph, first, step } = choice;
    const axis = choice.axis(first);
    const start = step.with % first.shape[axis]!;
    return graph.slice(first, axis, start, start + 1 + ((step.how >> 2) % (first.shape[axis]! - start)));
  },
  concat: (choice: Choice) => {
    const { graph, first, step } = choice;
    const axis = choice.axis(first);
    const second = choice.second(
      ({ shape }) =>
        shape.length === first.shape.length &&
        shape.every((length, other) => other === axis || length === first.shape[other]),
    )!;
    return graph.concat(isFlag(step.how, 3) ? [second, first, second] : [second, first], axis);
  },
  causalSoftmax: ({ graph, first, step }: Choice) => {
    if (!isSquare(first)) return undefined;
    return isFlag(step.how, 0) ? graph.mul(graph.causalSoftmax(first), first) : graph.causalSoftmax(first);
  },
  attend: (choice: Choice) => {
    const { graph } = choice;
    const scores = choice.second(isSquare);
    if (scores === undefined) return undefined;
    const values = choice.second(
      ({ shape }) => shape.length === 3 && shape[1] === scores.shape[0] && shape[2] === scores.shape[1],
    );
    return values && graph.attend(scores, values);
  },
  logSoftmax: ({ graph, first }: Choice) => graph.affine(graph.logSoftmax(first), 0.25),
  pick: ({ graph, first, indices }: Choice) =>
    isMatrix(first) ? graph.pick(first, indices(first.shape[0]!, first.shape[1]!)) : undefined,
  subtractOneHot: ({ graph, first, indices }: Choice) =>
    isMatrix(first) ? graph.subtractOneHot(first, indices(first.shape[0]!, first.shape[1]!)) : undefined,
  oneHot: ({ graph, first, indices, step }: Choice) =>
    graph.oneHot(indices(first.shape[0]!, 2 + (step.how % 20)), 2 + (step.how % 20)),
  gatherRows: ({ graph, first, indices, step }: Choice) =>
    isMatrix(first) ? graph.gatherRows(first, indices(1 + (step.how % 18), first.shape[0]!)) : undefined,
  scatterAddRows: ({ graph, first, indices, step }: Choice) =>
    isMatrix(first)
      ? graph.scatterAddRows(first, indices(first.shape[0]!, 1 + (step.how % 7)), 1 + (step.how % 7))
      : undefined,
} satisfies Record<string, (choice: Choice) => Value | undefined>;

const WITHOUT_GRADIENT = ['maximum'];
const length = fc.constantFrom(1, 2, 3, 5, 8, 16, 17, 21, 35);

export const recipes: fc.Arbitrary<Recipe> = fc.record({
  lengths: fc.tuple(fc.constantFrom(1, 2, 3), length, length),
  steps: fc.array(
    fc.record({
      name: fc.constantFrom(...(Object.keys(STEPS) as (keyof typeof STEPS)[])),
      of: fc.nat(6),
      with: fc.nat(50),
      how: fc.nat(63),
      isOutput: fc.boolean(),
    }),
    { minLength: 1, maxLength: 14 },
  ),
  differentiates: fc.boolean(),
  advancing: fc.integer({ min: 1, max: 5 }),
  seed: fc.nat(1000),
});

/** The graph of a recipe, the names of the inputs that advance, and what the indices in inputs are below. */
export function buildRandomGraph({ lengths: [n, t, c], steps, differentiates, advancing }: Recipe) {
  const graph = new Graph();
  const inputs = [[t, c], [n, t, t], [c, n, t], [c], [c, t]].map((shape, index) => graph.input(`x${index}`, shape));
  const values = [...inputs];
  const below = new Map<string, number>();
  const variable = (count: number, bound: number) => {
    const name = `index${graph.inputs.size}`;
    below.set(name, bound);
    return graph.input(name, [count], 'int32');
  };
  const made = steps.flatMap((step) => {
    const value = STEPS[step.name](new Choice(graph, values, step, variable));
    if (value === undefined || elementCount(value.shape) > MOST_ELEMENTS || value.shape.length > 3) return [];
    values.push(value);
    return [{ value, step }];
  });
  made.forEach(({ value, step }, index) => {
    if (step.isOutput || index === made.length - 1) graph.output(`y${index}`, value);
  });
  if (made.length === 0) graph.output('x', inputs[0]!);
  if (differentiates && made.length > 0 && steps.every(({ name }) => !WITHOUT_GRADIENT.includes(name)))
    addGradients(graph, inputs, made.at(-1)!.value);
  const names = [...graph.inputs.keys()];
  return { graph, advancing: names.filter((name, index) => index < advancing || below.has(name)), below };
}

function addGradients(graph: Graph, inputs: readonly Value[], last: Value): void {
  const used = dependencies(graph, last);
  const variables = inputs.filter((input) => used.has(input));
  if (variables.length === 0) return;
  const loss = graph.sum(graph.reshape(graph.square(last), [elementCount(last.shape)]), [0]);
  graph.output('loss', loss);
  gradients(graph, graph.reshape(loss, [1]), variables).forEach((gradient, index) =>
    graph.output(`gradient${index}`, gradient),
  );
}

function dependencies(graph: Graph, value: Value): Set<Value> {
  const found = new Set([value]);
  for (const each of found) for (const input of graph.producer(each).inputs) found.add(input);
  return found;
}

/** Data for every input, as often as it is repeated if it advances. */
export function feedsFor(
  { graph, advancing, below }: ReturnType<typeof buildRandomGraph>,
  seed: number,
  times: number,
): Record<string, TensorData> {
  return Object.fromEntries(
    [...graph.inputs].map(([name, { shape }], index) => {
      const often = advancing.includes(name) ? times : 1;
      const integers = below.get(name);
      return [name, dataFor({ shape: [often, ...shape], ...(integers !== undefined && { integers }) }, seed + index)];
    }),
  );
}

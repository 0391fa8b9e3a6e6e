/**
 * The errors of the exact engine's functions, measured against double precision over every float of their range from
 * 2^-26 to 2^26 in magnitude, and one in 61 of the others. Nearer to 0 the functions are constants, or multiples of x,
 * to single precision; log and rsqrt repeat with the exponent. Takes ten minutes.
 *
 *   npm run bench:exact-functions                    # or with --record: keeps the errors in docs/measured
 *   npm run bench:exact-functions -- --all           # every float: an hour
 *   npm run bench:exact-functions -- --coefficients  # derives the coefficients instead
 */
import { parseArgs } from 'node:util';
import { madeHere, writeMeasured, type ExactFunctionsMeasured } from '../build/docs/measured.ts';
import { GELU } from '../src/compute/graph/operation.ts';
import * as scalar from '../tests/compute/exact/scalar-functions.ts';
import { errorFunction } from './error-function.ts';
import { printCoefficients } from './exact-coefficients.ts';

type Call = (x: number) => number;

interface Range {
  name: keyof typeof scalar;
  exact: Call;
  /** Of one sign: the end nearer to 0 first. */
  from: number;
  to: number;
}

const LEAST = 2 ** -149;
const LARGEST = 2 ** 128 - 2 ** 104;
/** Below it the results of exp, sigmoid and silu are subnormal or 0; and those of gelu below the other. */
const EXP_LEAST = -87.33654;
const GELU_LEAST = -10;
const sigmoid: Call = (x) => 1 / (1 + Math.exp(-x));
const gelu: Call = (x) => x * sigmoid(GELU.scale * (x + GELU.cubic * x * x * x));

const RANGES: readonly Range[] = [
  { name: 'exp', exact: Math.exp, from: LEAST, to: 88.72283 },
  { name: 'exp', exact: Math.exp, from: -LEAST, to: EXP_LEAST },
  { name: 'log', exact: Math.log, from: LEAST, to: LARGEST },
  { name: 'erf', exact: errorFunction, from: LEAST, to: LARGEST },
  { name: 'sigmoid', exact: sigmoid, from: LEAST, to: LARGEST },
  { name: 'sigmoid', exact: sigmoid, from: -LEAST, to: EXP_LEAST },
  { name: 'silu', exact: (x) => x * sigmoid(x), from: LEAST, to: LARGEST },
  { name: 'silu', exact: (x) => x * sigmoid(x), from: -LEAST, to: EXP_LEAST },
  { name: 'gelu', exact: gelu, from: LEAST, to: LARGEST },
  { name: 'gelu', exact: gelu, from: -LEAST, to: GELU_LEAST },
  { name: 'rsqrt', exact: (x) => 1 / Math.sqrt(x), from: LEAST, to: LARGEST },
];

/** Exponents in which every float is measured, and how many floats a step is elsewhere. */
const DENSE = 26;
const SPARSE = 61;

const FLOATS = new Float32Array(1);
const BITS = new Uint32Array(FLOATS.buffer);

function bitsOf(x: number): number {
  FLOATS[0] = x;
  return BITS[0]!;
}

/** The largest error, in units of the last place of the result, and where it is. */
function largestError({ name, exact, from, to }: Range, all: boolean): ExactFunctionsMeasured['functions'][number] {
  const call = scalar[name];
  let [ulps, at] = [0, from];
  const [first, last] = [bitsOf(from), bitsOf(to)];
  const [low, high] = [-DENSE, DENSE].map((power) => bitsOf(Math.sign(from) * 2 ** power)) as [number, number];
  for (let bits = first; bits <= last; bits += all || (bits >= low && bits <= high) ? 1 : SPARSE) {
    BITS[0] = bits;
    const x = FLOATS[0]!;
    const right = exact(x);
    FLOATS[0] = Math.abs(right);
    const exponent = Math.min(Math.max(BITS[0]! >>> 23, 1), 254);
    const error = Math.abs(call(x) - right) * 2 ** (150 - exponent);
    if (error > ulps) [ulps, at] = [error, x];
  }
  return { name, from: Math.fround(from), to: Math.fround(to), ulps: Number(ulps.toFixed(2)), at };
}

const { values } = parseArgs({
  options: { record: { type: 'boolean' }, all: { type: 'boolean', default: false }, coefficients: { type: 'boolean' } },
});
if (values.coefficients) printCoefficients();
else {
  const functions = RANGES.map((range) => {
    const found = largestError(range, values.all);
    console.log(`${found.name} from ${found.from} to ${found.to}: ${found.ulps} ulps at ${found.at}`);
    return found;
  });
  if (values.record) writeMeasured('exact-functions', { made: madeHere(), functions });
}

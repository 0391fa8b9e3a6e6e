/**
 * The errors of the exact engine's functions, measured against double precision over every float of their range, by
 * the generator of this machine. Takes ten minutes to half an hour.
 *
 *   npm run bench:exact-functions                    # or with --record: keeps the errors in docs/measured
 *   npm run bench:exact-functions -- --coefficients  # derives the coefficients instead
 */
import { parseArgs } from 'node:util';
import { madeHere, writeMeasured, type ExactFunctionsMeasured } from '../build/docs/measured.ts';
import { GELU } from '../src/compute/graph/operation.ts';
import { generatorOfThisMachine } from '../src/compute/runtimes/exact/generators.ts';
import { functionProgram, type FunctionName } from '../tests/compute/exact/function-program.ts';
import { errorFunction } from './error-function.ts';
import { printCoefficients } from './exact-coefficients.ts';

type Call = (x: number) => number;

interface Range {
  name: FunctionName;
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

/** Floats whose results are computed at once. */
const BLOCK = 2 ** 16;
const FLOATS = new Float32Array(1);
const BITS = new Uint32Array(FLOATS.buffer);

function bitsOf(x: number): number {
  FLOATS[0] = x;
  return BITS[0]!;
}

/** The largest error, in units of the last place of the result, and where it is. */
function largestError({ name, exact, from, to }: Range): ExactFunctionsMeasured['functions'][number] {
  const [arguments_, results] = [new Float32Array(BLOCK), new Float32Array(BLOCK)];
  const bits = new Uint32Array(arguments_.buffer);
  const compiled = generatorOfThisMachine().compile(functionProgram(name, BLOCK));
  compiled.bind(0, arguments_);
  compiled.bind(1, results);
  let [ulps, at] = [0, from];
  const last = bitsOf(to);
  for (let first = bitsOf(from); first <= last; first += BLOCK) {
    for (let index = 0; index < BLOCK; index++) bits[index] = first + index;
    compiled.run(1);
    const count = Math.min(BLOCK, last - first + 1);
    for (let index = 0; index < count; index++) {
      const right = exact(arguments_[index]!);
      const error = Math.abs(results[index]! - right) * placesPerUnit(right);
      if (error > ulps) [ulps, at] = [error, arguments_[index]!];
    }
  }
  compiled.release();
  return { name, from: Math.fround(from), to: Math.fround(to), ulps: Number(ulps.toFixed(2)), at };
}

/** 1 / the distance between floats at x, by its exponent. */
const PLACES = Float64Array.from({ length: 256 }, (_, exponent) => 2 ** (150 - Math.min(Math.max(exponent, 1), 254)));

function placesPerUnit(x: number): number {
  FLOATS[0] = x;
  return PLACES[(BITS[0]! >>> 23) & 255]!;
}

const { values } = parseArgs({ options: { record: { type: 'boolean' }, coefficients: { type: 'boolean' } } });
if (values.coefficients) printCoefficients();
else {
  const functions = RANGES.map((range) => {
    const found = largestError(range);
    console.log(`${found.name} from ${found.from} to ${found.to}: ${found.ulps} ulps at ${found.at}`);
    return found;
  });
  if (values.record) writeMeasured('exact-functions', { made: madeHere(), functions });
}

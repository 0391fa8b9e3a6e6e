/**
 * Derives the coefficients of the exact engine's functions (src/compute/runtimes/exact/functions.ts) and prints them:
 * `node build/exact-coefficients.ts`. They are part of the arithmetic's version, so what is printed is compared with
 * the code, never made into it.
 *
 * Each is the fit with the smallest largest error, found by Lawson's method: least squares, in which points whose error
 * is large weigh more from one round to the next. Coefficients are rounded to float32 one by one, the most important
 * first, and those left are fitted again around what was rounded.
 */
import { errorFunction } from './error-function.ts';

const POINTS = 401;
const ROUNDS = 200;
const ERF_THRESHOLD = 1.125;

interface Fit {
  /** What each coefficient is multiplied by, at a point. */
  basis: readonly ((x: number) => number)[];
  /** Of the function that their sum approximates. */
  target: (x: number) => number;
  /** What the error at a point is divided by. */
  unit: (x: number) => number;
  points: readonly number[];
}

/** Extrema of a Chebyshev polynomial: dense where a fit is worst. */
function nodes(from: number, to: number): number[] {
  return Array.from(
    { length: POINTS },
    (_, index) => (from + to) / 2 - ((to - from) / 2) * Math.cos((Math.PI * (index + 0.5)) / POINTS),
  );
}

/** Solves the least-squares problem by Householder reflections. @param rows a point each: its terms, then the target */
function leastSquares(rows: readonly (readonly number[])[]): number[] {
  const a = rows.map((row) => [...row]);
  const width = a[0]!.length - 1;
  for (let column = 0; column < width; column++) {
    const norm = Math.sqrt(a.slice(column).reduce((sum, row) => sum + row[column]! * row[column]!, 0));
    const pivot = a[column]![column]!;
    const shift = pivot > 0 ? -norm : norm;
    const reflector = a.slice(column).map((row, index) => (index === 0 ? pivot - shift : row[column]!));
    const square = reflector.reduce((sum, value) => sum + value * value, 0);
    for (let at = column; at <= width; at++) {
      const dot = reflector.reduce((sum, value, index) => sum + value * a[column + index]![at]!, 0);
      reflector.forEach((value, index) => (a[column + index]![at]! -= ((2 * dot) / square) * value));
    }
  }
  const solution = new Array<number>(width).fill(0);
  for (let column = width - 1; column >= 0; column--) {
    let rest = a[column]![width]!;
    for (let at = column + 1; at < width; at++) rest -= a[column]![at]! * solution[at]!;
    solution[column] = rest / a[column]![column]!;
  }
  return solution;
}

/** The fit whose largest error is smallest. */
function minimax({ basis, target, unit, points }: Fit): { coefficients: number[]; error: number } {
  const terms = points.map((x) => [...basis.map((term) => term(x) / unit(x)), target(x) / unit(x)]);
  let weights = points.map(() => 1);
  let best = { coefficients: [] as number[], error: Infinity };
  for (let round = 0; round < ROUNDS; round++) {
    const coefficients = leastSquares(
      terms.map((row, index) => row.map((value) => value * Math.sqrt(weights[index]!))),
    );
    const errors = terms.map((row) =>
      Math.abs(coefficients.reduce((sum, value, index) => sum + value * row[index]!, 0) - row[basis.length]!),
    );
    const error = Math.max(...errors);
    if (error < best.error) best = { coefficients, error };
    const weighted = weights.map((weight, index) => weight * (errors[index]! / error + 1e-4));
    const sum = weighted.reduce((total, weight) => total + weight, 0);
    weights = weighted.map((weight) => weight / sum);
  }
  return best;
}

/** The same with coefficients of float32, the first being rounded first. */
function rounded(fit: Fit): { coefficients: number[]; error: number } {
  const fixed: number[] = [];
  let error = 0;
  while (fixed.length < fit.basis.length) {
    const left = minimax({
      ...fit,
      basis: fit.basis.slice(fixed.length),
      target: (x) => fixed.reduce((rest, value, index) => rest - value * fit.basis[index]!(x), fit.target(x)),
    });
    error = left.error;
    fixed.push(Math.fround(left.coefficients[0]!));
  }
  return { coefficients: fixed, error };
}

const powers = (from: number, to: number, step = 1) =>
  Array.from({ length: (to - from) / step + 1 }, (_, index) => (x: number) => x ** (from + step * index));

function print(name: string, { coefficients, error }: { coefficients: readonly number[]; error: number }): void {
  console.log(`${name}: error of the fit before the last rounding ${error.toExponential(2)}`);
  for (const coefficient of coefficients) {
    const bits = new Uint32Array(Float32Array.of(coefficient).buffer)[0]!;
    console.log(`  0x${bits.toString(16).padStart(8, '0')}  ${coefficient}`);
  }
}

/** Derives all coefficients, and prints their bits. */
export function printCoefficients(): void {
  // exp(r) = 1 + r (c1 + c2 r + .. + c6 r^5), r at most half of ln 2, and a little more: n is a rounded product.
  print(
    'exp, c1 to c6',
    rounded({
      basis: powers(1, 6),
      target: (r) => Math.expm1(r),
      unit: (r) => Math.exp(r),
      points: nodes(-0.34658, 0.34658),
    }),
  );

  // log(1 + f) = 2 artanh(s), s = f / (2 + f), which is 2 s + s^3 (c1 + c2 s^2 + c3 s^4).
  print(
    'log, c1 to c3',
    rounded({
      basis: powers(3, 7, 2),
      target: (s) => 2 * Math.atanh(s) - 2 * s,
      unit: (s) => 2 * Math.atanh(s),
      points: nodes(1e-3, (Math.SQRT2 - 1) / (Math.SQRT2 + 1)),
    }),
  );

  // erf(x) = x + x (c0 + c1 x^2 + .. + c6 x^12) up to a threshold.
  print(
    'erf, c0 to c6',
    rounded({
      basis: powers(1, 13, 2),
      target: (x) => errorFunction(x) - x,
      unit: (x) => errorFunction(x),
      points: nodes(1e-3, ERF_THRESHOLD),
    }),
  );

  // erf(x) = 1 - (d0 + d1 x + .. + d7 x^7)^-8 above it: what counts is the error of the whole.
  const root = (x: number): number => (1 - errorFunction(x)) ** -0.125;
  print(
    'erf, d0 to d7',
    rounded({
      basis: powers(0, 7),
      target: root,
      unit: (x) => root(x) / (8 * (1 - errorFunction(x))),
      points: nodes(ERF_THRESHOLD, 3.9),
    }),
  );
}

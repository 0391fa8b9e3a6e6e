import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { installedBuild } from '../../../src/base/installed-build.ts';
import { packBits } from '../../../src/base/packed-bits.ts';
import { stream } from '../../../src/base/random.ts';
import { loadOptimizerKernel } from '../../../src/compute/training/optimizer-kernel.ts';
import { stagingMemory } from '../../../src/compute/training/parameter-memory.ts';

const LENGTH = 4096;
const EXACT = 'exact-optimizer.wasm';
const NUMBERS = {
  clip: 0.7,
  beta1: 0.9,
  beta2: 0.999,
  rate: 1e-3,
  inverseCorrection2: 31.6,
  epsilon: 1e-8,
  decay: 1e-4,
};
const KINDS = ['weight', 'gradient', 'first', 'second'] as const;
type State = Record<(typeof KINDS)[number], Float32Array>;

const { fround } = Math;
const mul = (a: number, b: number): number => fround(a * b);
const add = (a: number, b: number): number => fround(a + b);

/** What docs/exact-arithmetic.md says, rounded after every operation. */
function expected(state: State, kept?: readonly number[]): State {
  const [clip, beta1, beta2, rate, correction, epsilon, decay] = Object.values(NUMBERS).map(fround) as number[];
  const without = (x: number, least: number): number => (Math.abs(x) < least ? 0 : x);
  const next = Object.fromEntries(KINDS.map((kind) => [kind, state[kind].slice()])) as State;
  for (let index = 0; index < LENGTH; index++) {
    const g = mul(state.gradient[index]!, clip!);
    const h = without(g, 2 ** -56);
    const m = without(add(mul(beta1!, state.first[index]!), mul(fround(1 - beta1!), g)), 2 ** -100);
    const v = without(add(mul(beta2!, state.second[index]!), mul(fround(1 - beta2!), mul(h, h))), 2 ** -126);
    const root = add(fround(Math.sqrt(mul(v, correction!))), epsilon!);
    const step = fround(mul(rate!, m) / root);
    const w = without(fround(mul(fround(1 - decay!), state.weight[index]!) - step), 2 ** -126);
    next.first[index] = m;
    next.second[index] = v;
    next.weight[index] = kept === undefined ? w : mul(w, kept[index]!);
  }
  return next;
}

/** The state behind one update by a kernel. */
function updated(state: State, file: string, kept?: readonly number[]): State {
  const { memory, at } = stagingMemory(LENGTH);
  const arrays = Object.fromEntries(
    KINDS.map((kind) => [kind, new Float32Array(memory.buffer, at[kind], LENGTH)]),
  ) as State;
  for (const kind of KINDS) arrays[kind].set(state[kind]);
  if (kept !== undefined) new Uint8Array(memory.buffer, at.mask).set(packBits(kept));
  const { clip, beta1, beta2, rate, inverseCorrection2, epsilon, decay } = NUMBERS;
  loadOptimizerKernel(memory, join(installedBuild, file)).adamw(
    ...([at.weight, at.gradient, at.first, at.second, kept === undefined ? 0 : at.mask, LENGTH] as const),
    ...([clip, beta1, beta2, rate, inverseCorrection2, epsilon, decay] as const),
  );
  return arrays;
}

const random = stream(0, 'exact-optimizer');
const SPECIAL = [0, -0, Infinity, -Infinity, NaN, 2 ** -149, -(2 ** -130), 2 ** -100, 2 ** -57, 2 ** -63, 1e38];

/** @param wide whether numbers have all exponents, and special ones are among them */
function stateOf(wide: boolean): State {
  const draw = (): number => {
    if (!wide) return random.normal();
    const choice = random.integer(8);
    return choice === 0 ? SPECIAL[random.integer(SPECIAL.length)]! : random.normal() * 2 ** (random.integer(270) - 145);
  };
  const array = (of: () => number): Float32Array => Float32Array.from({ length: LENGTH }, of);
  return { weight: array(draw), gradient: array(draw), first: array(draw), second: array(() => Math.abs(draw())) };
}

const bits = (array: Float32Array): Uint32Array =>
  new Uint32Array(array.map((x) => (Number.isNaN(x) ? NaN : x)).buffer);

function sameBits(a: State, b: State): void {
  for (const kind of KINDS) expect(bits(a[kind]), kind).toEqual(bits(b[kind]));
}

describe('the optimizer of the exact arithmetic', () => {
  it('is what the docs state, bit for bit, of all magnitudes and special values, with and without a mask', () => {
    const kept = Array.from({ length: LENGTH }, () => random.integer(2));
    for (let round = 0; round < 5; round++) {
      const state = stateOf(true);
      sameBits(updated(state, EXACT), expected(state));
      sameBits(updated(state, EXACT, kept), expected(state, kept));
    }
  });

  it('is the other optimizer where nothing is below a threshold', () => {
    const state = stateOf(false);
    sameBits(updated(state, EXACT), updated(state, 'optimizer.wasm'));
  });

  it('lets the moments of rows that nothing uses become 0, and never subnormal', () => {
    let state = stateOf(false);
    state.gradient.fill(0);
    state.first.fill(1e-29);
    state.second.fill(1e-37);
    for (let step = 0; step < 3000; step++) state = updated(state, EXACT);
    expect([...new Set([...state.first, ...state.second])]).toEqual([0]);
    expect(state.weight.every((weight) => weight !== 0)).toBe(true);
  });

  it('sums squares in double precision, element i into sum i mod 4, (0 + 2) + (1 + 3) at the end', () => {
    const { memory, at } = stagingMemory(LENGTH);
    const gradient = new Float32Array(memory.buffer, at.gradient, LENGTH);
    gradient.set(stateOf(false).gradient);
    const sums = [0, 0, 0, 0];
    gradient.forEach((g, index) => (sums[index % 4]! += g * g));
    const kernel = loadOptimizerKernel(memory, join(installedBuild, EXACT));
    expect(kernel.maskAndSquare(at.gradient, 0, LENGTH)).toBe(sums[0]! + sums[2]! + (sums[1]! + sums[3]!));
  });
});

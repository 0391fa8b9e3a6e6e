/**
 * Processor seconds for marking the smallest tenth of many weights, beside finding the same threshold by sorting them.
 * The two take turns, and must agree to the bit.
 *
 *   npm run bench:prune                # the 106 million block weights of a model of 135 million
 *   npm run bench:prune -- 10000000    # as many as this
 */
import { stream } from '../src/base/random.ts';
import type { Masks, Weights } from '../src/model/language-model.ts';
import { prune } from '../src/science/pruning.ts';

const FRACTION = 0.1;
const ROUNDS = 3;
const COUNT = Number(process.argv[2] ?? 106_168_320);
/** Weights of a tensor, so that none is larger than a real one. */
const TENSOR = 884_736;

const RULE = {
  criterion: 'magnitude',
  scope: 'global',
  fraction: FRACTION,
  of: 'remaining',
  forced: [],
  protected: [],
  seed: 0,
} as const;

const weights = randomWeights(COUNT);
const times: Record<'sorting' | 'prune', number[]> = { sorting: [], prune: [] };
for (let round = 0; round < ROUNDS; round++) {
  const sorted = timed('sorting', thresholdBySorting);
  const { threshold } = timed('prune', () => prune(weights, new Map() satisfies Masks, RULE));
  if (threshold !== sorted) throw new Error(`The threshold is ${threshold}, by sorting ${sorted}.`);
}
for (const [name, seconds] of Object.entries(times))
  console.log(`${name.padEnd(8)} ${median(seconds).toFixed(2)} s for ${COUNT} weights`);

function randomWeights(count: number): Weights {
  const random = stream(0, 'bench/prune');
  const all: Weights = new Map();
  for (let left = count; left > 0; left -= TENSOR) {
    const data = new Float32Array(Math.min(left, TENSOR));
    for (let index = 0; index < data.length; index++) data[index] = random.uniform() - random.uniform();
    all.set(`tensor ${all.size}`, { shape: [1, data.length], data });
  }
  return all;
}

function thresholdBySorting(): number {
  const magnitudes = new Float32Array(COUNT);
  let offset = 0;
  for (const { data } of weights.values())
    for (let index = 0; index < data.length; index++) magnitudes[offset++] = Math.abs(data[index]!);
  return magnitudes.sort()[Math.round(FRACTION * COUNT) - 1]!;
}

function timed<Result>(name: keyof typeof times, work: () => Result): Result {
  const start = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(start);
  times[name].push((user + system) / 1e6);
  return result;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

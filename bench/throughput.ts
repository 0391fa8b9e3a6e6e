/**
 * What a machine gets out of training in many processes for a long time: whether memory grows over 10,000 training
 * steps, what two processes on two cores reach together, and how much memory GPT-2 takes at most. Every figure comes
 * from fresh processes, started as workers of a study are.
 *
 *   npm run bench:throughput                 # everything: some minutes
 *   npm run bench:throughput -- growth peak  # some: growth, pair, peak
 *   npm run bench:throughput -- --record     # everything, into docs/measured: docs/compute.md is made of it
 */
import { availableParallelism } from 'node:os';
import { madeHere, writeMeasured, type ThroughputMeasured } from '../build/docs/measured.ts';
import { median } from './median.ts';
import { BENCH_MODELS, benchModel } from './models.ts';
import { isOwnPeer, openOwn, serveOwn, type OwnTimes } from './own-peer.ts';

const STEPS = 10_000;
const SAMPLE_EVERY = 500;
/** Rounds of the pair, and training steps of a process in each. */
const ROUNDS = 10;
const ROUND_STEPS = 60;
const PEAK_STEPS = 5;

type Recorded = Partial<ThroughputMeasured>;

const measurements: Record<string, () => Promise<Recorded>> = {
  growth: measureGrowth,
  pair: measurePair,
  peak: measurePeak,
};

if (!isOwnPeer) {
  const record = process.argv.includes('--record');
  const wanted = process.argv.slice(2).filter((argument) => argument !== '--record');
  const recorded: Recorded = {};
  for (const [name, measure] of Object.entries(measurements))
    if (record || wanted.length === 0 || wanted.includes(name)) Object.assign(recorded, await measure());
  if (record) writeMeasured('throughput', { made: madeHere(), ...recorded } as ThroughputMeasured);
} else {
  await serveOwn();
}

/** 10,000 training steps of the built-in model in one process. */
async function measureGrowth(): Promise<Recorded> {
  const peer = await openOwn(benchModel('built-in'));
  const samples: number[] = [];
  for (let step = 0; step < STEPS; step += SAMPLE_EVERY) samples.push((await peer.times(SAMPLE_EVERY)).bytes / 1e6);
  await peer.close();
  const second = samples.slice(samples.length / 2);
  console.log(
    `built-in, ${STEPS} steps, resident MB every ${SAMPLE_EVERY}: ${samples.map((size) => size.toFixed(0)).join(' ')}`,
  );
  console.log(
    `  from ${samples[0]!.toFixed(1)} to ${samples.at(-1)!.toFixed(1)} MB; slope ${slopeOf(samples)} MB per 1000 steps, of the second half ${slopeOf(second)}`,
  );
  return { growthSteps: STEPS, growthMegabytes: samples.at(-1)! };
}

/** Two processes on two cores beside one alone, in turn. */
async function measurePair(): Promise<Recorded> {
  if (availableParallelism() < 2) throw new Error('pair: there is one core only');
  const peers = await Promise.all([0, 1].map((core) => openOwn(benchModel('built-in'), { core })));
  const alone: OwnTimes[][] = [];
  const together: OwnTimes[][] = [];
  for (let round = -1; round < ROUNDS; round++) {
    const single: OwnTimes[] = [];
    for (const peer of peers) single.push(await peer.times(ROUND_STEPS));
    const paired = await Promise.all(peers.map((peer) => peer.times(ROUND_STEPS)));
    if (round < 0) continue; // warm-up
    alone.push(single);
    together.push(paired);
  }
  for (const peer of peers) await peer.close();
  console.log(
    `built-in, two processes on two cores, ${ROUNDS} rounds of ${ROUND_STEPS} steps: throughput beside that of one, alone`,
  );
  const ratiosOf: Record<string, number> = {};
  for (const [clock, kind] of [
    ['wall clock', 'milliseconds'],
    ['processor time', 'cpuMilliseconds'],
  ] as const) {
    const ratios = together.map((paired, round) => (2 * rate(paired, kind)) / rate(alone[round]!, kind));
    ratiosOf[kind] = median(ratios);
    const [one, two] = [alone, together].map((rounds) => median(rounds.flat().map((reply) => reply[kind])).toFixed(2));
    console.log(
      `  by ${clock.padEnd(14)} ${median(ratios).toFixed(2)} (rounds from ${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}); ${one} ms per step alone, ${two} ms beside the other`,
    );
  }
  return { pairRatio: ratiosOf.milliseconds! };
}

/** Peak memory of a few training steps of every model, each in its own process. */
async function measurePeak(): Promise<Recorded> {
  const peakGigabytes: Record<string, number> = {};
  for (const model of BENCH_MODELS) {
    const { name } = model;
    const peer = await openOwn(model);
    await peer.times(1);
    const { milliseconds, peakBytes } = await peer.times(PEAK_STEPS);
    await peer.close();
    console.log(`${name.padEnd(9)} peak ${(peakBytes / 1e9).toFixed(2)} GB, ${milliseconds.toFixed(1)} ms per step`);
    peakGigabytes[name] = peakBytes / 1e9;
  }
  return { peakGigabytes };
}

/** Training steps per millisecond, per process. */
function rate(replies: readonly OwnTimes[], kind: 'milliseconds' | 'cpuMilliseconds'): number {
  return replies.reduce((sum, reply) => sum + 1 / reply[kind], 0) / replies.length;
}

/** Least-squares slope of samples, per 1000 training steps. */
function slopeOf(samples: readonly number[]): string {
  const middle = (samples.length - 1) / 2;
  const products = samples.reduce((sum, size, index) => sum + (index - middle) * size, 0);
  const squares = samples.reduce((sum, _, index) => sum + (index - middle) ** 2, 0);
  return ((products / squares) * (1000 / SAMPLE_EVERY)).toFixed(3);
}

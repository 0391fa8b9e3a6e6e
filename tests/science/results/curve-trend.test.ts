/** Whether a training had settled: the change of its loss against its own error. */
import { describe, expect, it } from 'vitest';
import { stream } from '../../../src/base/random.ts';
import type { LossCurve } from '../../../src/generated/curve.ts';
import { curveTrend } from '../../../src/science/results/curve-trend.ts';

const TOLERANCE = 0.01;

/** A curve of points of ten steps. @param batch what the language itself loses on the batches of a point */
function curve(excesses: readonly number[], batch: (point: number) => number | null = () => 2.5): LossCurve {
  const points = excesses.map((excess, index) => {
    const surprisal = batch(index);
    return {
      step: 10 * (index + 1),
      loss: excess + (surprisal ?? 2.5),
      surprisal,
      learningRate: 0.001,
      gradientNorm: 1,
    };
  });
  return { steps: 10 * points.length, firstStep: 0, finalLoss: points.at(-1)?.loss ?? null, points };
}

/** Of many curves, the share in which the interval of the change holds the true one. */
function coverage(excess: (random: ReturnType<typeof stream>) => number[], truth: number, trials = 1000): number {
  let held = 0;
  for (let trial = 0; trial < trials; trial++) {
    const { interval } = curveTrend(curve(excess(stream(trial, 'curve'))), 0.95, TOLERANCE)!;
    if (interval.lower <= truth && truth <= interval.upper) held += 1;
  }
  return held / trials;
}

describe('the trend of a loss curve', () => {
  it.each([6, 20, 47, 300])('has an interval that covers as it says, of %i points with noise alone', (points) => {
    const share = coverage((random) => Array.from({ length: points }, () => 0.02 + 0.003 * random.normal()), 0);
    expect(share).toBeGreaterThan(0.925);
    expect(share).toBeLessThan(0.975);
  });

  it('covers the change of a steady fall', () => {
    const fall = (random: ReturnType<typeof stream>) =>
      Array.from({ length: 40 }, (_, point) => 0.1 - 0.001 * point + 0.004 * random.normal());
    expect(Math.abs(coverage(fall, -0.02) - 0.95)).toBeLessThan(0.02);
  });

  it('joins blocks where neighbouring points go together, which would else pass for certainty', () => {
    const wandering = (random: ReturnType<typeof stream>) => {
      let at = 0;
      return Array.from({ length: 960 }, () => (at = 0.9 * at + 0.003 * random.normal()));
    };
    expect(coverage(wandering, 0, 300)).toBeGreaterThan(0.88);
  });

  it('is not moved by what the batches hold: harder batches in the second half are no rise', () => {
    const random = stream(0, 'batches');
    const excesses = Array.from({ length: 40 }, () => 0.02 + 0.001 * random.normal());
    const batch = (point: number) => (point < 20 ? 2.4 : 2.6) + 0.05 * random.normal();
    const known = curveTrend(curve(excesses, batch), 0.95, TOLERANCE)!;
    expect(known).toMatchObject({ basis: 'excess', state: 'settled' });
    expect(Math.abs(known.change)).toBeLessThan(0.002);
    const { points, ...rest } = curve(excesses, batch);
    const unknown = curveTrend(
      { ...rest, points: points.map((point) => ({ ...point, surprisal: null })) },
      0.95,
      TOLERANCE,
    )!;
    expect(unknown.basis).toBe('loss');
    expect(unknown.state).not.toBe('settled');
    expect(unknown.standardError).toBeGreaterThan(5 * known.standardError);
  });

  it('tells settled, moving and open apart by the interval and the tolerance', () => {
    const random = stream(3, 'states');
    const noise = (size: number) => Array.from({ length: 30 }, () => size * random.normal());
    const state = (excesses: number[]) => curveTrend(curve(excesses), 0.95, TOLERANCE)!.state;
    expect(state(noise(0.002))).toBe('settled');
    expect(state(noise(0.1).map((value) => value))).toBe('open');
    expect(state(noise(0.002).map((value, point) => value - 0.002 * point))).toBe('moving');
    // It moves, and by less than counts.
    expect(state(noise(0.0001).map((value, point) => value - 0.0001 * point))).toBe('settled');
  });

  it('says nothing of fewer than four points, nor of a curve without noise', () => {
    expect(curveTrend(curve([0.1, 0.2, 0.3]), 0.95, TOLERANCE)).toBeNull();
    expect(curveTrend(curve([]), 0.95, TOLERANCE)).toBeNull();
    expect(
      curveTrend(
        curve([0.25, 0.25, 0.25, 0.25], () => 2.5),
        0.95,
        TOLERANCE,
      ),
    ).toBeNull();
  });
});

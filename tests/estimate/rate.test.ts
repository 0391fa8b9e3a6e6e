/** Times of nodes become a line that wild ones do not bend, and a run is played through. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accuracyOf } from '../../src/estimate/accuracy.ts';
import { makespan, type Job } from '../../src/estimate/makespan.ts';
import { fitRate, quantile, secondsOf } from '../../src/estimate/rate.ts';

describe('a rate', () => {
  test('is the line that the nodes lie on, whatever a third of them took', () => {
    const line = fc.record({
      fixed: fc.double({ min: 0, max: 5, noNaN: true }),
      perUnit: fc.double({ min: 0.001, max: 2, noNaN: true }),
    });
    fc.assert(
      fc.property(
        line,
        fc.array(fc.double({ min: 1, max: 500, noNaN: true }), { minLength: 1, maxLength: 3 }),
        ({ fixed, perUnit }, wild) => {
          const honest = Array.from({ length: 9 }, (_, index) => ({
            units: 3 * (index + 1),
            seconds: fixed + perUnit * 3 * (index + 1),
          }));
          const rate = fitRate([
            ...honest,
            ...wild.map((times) => ({ units: 10, seconds: times * (fixed + perUnit * 10) })),
          ])!;
          expect(secondsOf(rate, 3000) / (fixed + 3000 * perUnit)).toBeGreaterThan(0.5);
          expect(secondsOf(rate, 15) / (fixed + 15 * perUnit)).toBeLessThan(2);
        },
      ),
    );
  });

  test('is the slope of the example in Sen (1968), 4', () => {
    const [x, y] = [
      [1, 2, 3, 4, 10, 12, 18],
      [9, 15, 19, 20, 45, 55, 78],
    ];
    expect(fitRate(x.map((units, index) => ({ units, seconds: y[index]! })))!.perUnit).toBe(4);
  });

  test('of nodes of one size is their median per unit; of one node, that one; of none, nothing', () => {
    expect(fitRate([4, 1, 2].map((seconds) => ({ units: 10, seconds })))).toMatchObject({
      fixed: 0,
      perUnit: 0.2,
      n: 3,
    });
    expect(fitRate([{ units: 5, seconds: 1 }])).toEqual({
      fixed: 0,
      perUnit: 0.2,
      n: 1,
      spread: { lower: 1, upper: 1 },
    });
    expect(fitRate([])).toBeUndefined();
  });

  test('quantiles are those of R, type 7', () => {
    expect([0, 0.1, 0.5, 0.9, 1].map((share) => Number(quantile([1, 2, 3, 4, 10], share).toFixed(12)))).toEqual([
      1, 1.4, 3, 7.6, 10,
    ]);
  });
});

describe('a run', () => {
  const job = (key: string, seconds: number, waitsFor: string[] = [], group = 'g', warmUp = 0): Job => ({
    key,
    seconds,
    waitsFor,
    group,
    warmUp,
  });

  test('takes as long as its longest chain, or as its work shared out', () => {
    expect(makespan([job('a', 2), job('b', 3, ['a']), job('c', 1)], 4).wall).toBe(5);
    expect(makespan([job('a', 1), job('b', 1), job('c', 1), job('d', 1)], 2)).toEqual({ wall: 2, busy: 4 });
    expect(makespan([], 3)).toEqual({ wall: 0, busy: 0 });
  });

  test('opens what a stage needs once in each worker', () => {
    const jobs = ['a', 'b', 'c', 'd'].map((key) => job(key, 1, [], 'train', 0.5));
    expect(makespan(jobs, 2)).toEqual({ wall: 2.5, busy: 5 });
    expect(makespan(jobs, 1)).toEqual({ wall: 4.5, busy: 4.5 });
  });

  test('lies between the bounds of Graham (1969) for any DAG', () => {
    const dags = fc.array(
      fc.record({ seconds: fc.integer({ min: 0, max: 20 }), needs: fc.array(fc.nat(), { maxLength: 3 }) }),
      { minLength: 1, maxLength: 25 },
    );
    fc.assert(
      fc.property(dags, fc.integer({ min: 1, max: 5 }), (nodes, workers) => {
        const jobs = nodes.map(({ seconds, needs }, index) =>
          job(`${index}`, seconds, index === 0 ? [] : [...new Set(needs.map((need) => `${need % index}`))]),
        );
        const ends = new Map<string, number>();
        for (const { key, seconds, waitsFor } of jobs)
          ends.set(key, seconds + Math.max(0, ...waitsFor.map((other) => ends.get(other)!)));
        const [chain, total] = [Math.max(...ends.values()), jobs.reduce((sum, { seconds }) => sum + seconds, 0)];
        const { wall, busy } = makespan(jobs, workers);
        expect(busy).toBe(total);
        expect(wall).toBeGreaterThanOrEqual(Math.max(chain, total / workers) - 1e-9);
        expect(wall).toBeLessThanOrEqual(total / workers + ((workers - 1) / workers) * chain + 1e-9);
      }),
    );
  });
});

describe('the accuracy of an estimate', () => {
  const entry = {
    version: 1 as const,
    startedAt: '2026-01-01T00:00:00.000Z',
    seconds: 205,
    profile: 'all',
    selectors: [],
    counts: { total: 2, cached: 0, ran: 2, failed: 0, blocked: 0 },
    user: 'ann',
    host: 'box',
    pid: 1,
    git: null,
    estimate: {
      seconds: { estimate: 190, lower: 100, upper: 300 },
      jobs: 1,
      stages: [
        { stage: 'train', nodes: 1, seconds: 100 },
        { stage: 'train', nodes: 1, seconds: 50 },
        { stage: 'own', nodes: 1, seconds: null },
      ],
    },
    nodes: [
      { place: 'A/s0/r1/train', key: 'a', stage: 'train', outcome: 'ran' as const, seconds: 120 },
      { place: 'A/s0/r2/train', key: 'b', stage: 'train', outcome: 'ran' as const, seconds: 60 },
    ],
  };

  test('is told for the whole and by stage', () => {
    expect(accuracyOf(entry)).toEqual({
      estimated: 190,
      lower: 100,
      upper: 300,
      took: 205,
      ratio: 205 / 190,
      stages: [
        { stage: 'train', nodes: { estimated: 2, ran: 2 }, estimated: 150, took: 180, ratio: 1.2 },
        { stage: 'own', nodes: { estimated: 1, ran: 0 }, estimated: null, took: 0, ratio: null },
      ],
    });
  });

  test('is not claimed of a run that was stopped or failed, or had no estimate', () => {
    const { estimate: _, ...without } = entry;
    expect(accuracyOf(without)).toBeUndefined();
    expect(accuracyOf({ ...entry, stopped: 'SIGINT' })).toBeUndefined();
    expect(accuracyOf({ ...entry, counts: { ...entry.counts, failed: 1 } })).toBeUndefined();
  });
});

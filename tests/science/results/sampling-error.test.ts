/**
 * The sampling error of evaluations beside the interval over seeds: what all runs share, and their spread hides.
 */
import { describe, expect, it } from 'vitest';
import { stream } from '../../../src/base/random.ts';
import type { Results } from '../../../src/generated/results.ts';
import type { SequenceLosses } from '../../../src/model/sequence-losses.ts';
import { withSamplingErrors } from '../../../src/science/results/sampling-error.ts';
import { studyResults } from '../../../src/science/results/study-results.ts';
import { fixturePieces, fixtureStudy } from '../../report/study-fixture.ts';

const results = studyResults(fixtureStudy(), fixturePieces());
const SEQUENCES = 50;

/** Key of the last evaluation of every run, by `experiment seed`. */
function lastKeys({ runs }: Results): Map<string, string> {
  return new Map(
    runs.flatMap(({ experiment, seed, measurements }) => {
      const last = measurements.at(-1)!;
      return last.evaluation ? [[`${experiment} ${seed}`, last.keys['evaluation']!] as const] : [];
    }),
  );
}

const names = new Map([...lastKeys(results)].map(([name, key]) => [key, name]));

/** Losses of sequences that are hard or easy for every run alike, plus what is the run's own. */
function drawn(key: string, sequences = SEQUENCES): Float32Array {
  const [shared, own] = [stream(1, 'sequences'), stream(2, key)];
  return Float32Array.from({ length: sequences }, () => 2.5 + 0.3 * shared.normal() + 0.02 * own.normal());
}

const reader =
  (losses: (key: string) => Float32Array | undefined, tokens: (key: string) => string = () => 'held out') =>
  async (key: string): Promise<SequenceLosses | undefined> => {
    const known = losses(key);
    return known && { losses: known, tokens: tokens(key) };
  };

const experiment = ({ experiments }: Results, id: string) => experiments.find((each) => each.id === id)!;
const difference = ({ comparisons }: Results, arm: string, baseline: string) =>
  comparisons.flatMap(({ differences }) => differences).find((each) => each.arm === arm && each.baseline === baseline)!;
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** sd / sqrt(n) by another formula: E[x^2] - E[x]^2. */
function errorOf(values: readonly number[]): number {
  return Math.sqrt((mean(values.map((value) => value ** 2)) - mean(values) ** 2) / (values.length - 1));
}

describe('the sampling error', () => {
  it('is that of the mean over runs, sequence by sequence', async () => {
    const keys = lastKeys(results);
    const found = await withSamplingErrors(results, reader(drawn));
    const ofArm = (arm: string) => [0, 1, 2].map((seed) => drawn(keys.get(`${arm} ${seed}`)!));
    const [a1, b1] = [ofArm('A1'), ofArm('B1')];
    const rows = Array.from({ length: SEQUENCES }, (_, row) => row);
    expect(experiment(found, 'A1').samplingError).toBeCloseTo(
      errorOf(rows.map((row) => mean(a1.map((losses) => losses[row]!)))),
      6,
    );
    expect(difference(found, 'B1', 'A1').samplingError).toBeCloseTo(
      errorOf(rows.map((row) => mean(b1.map((losses, seed) => losses[row]! - a1[seed]![row]!)))),
      6,
    );
    // What is hard for both cancels in the difference and in nothing else.
    expect(experiment(found, 'A1').samplingError!).toBeGreaterThan(0.03);
    expect(difference(found, 'B1', 'A1').samplingError!).toBeLessThan(0.005);
    // D1's third run failed; it is in no mean.
    expect(experiment(found, 'D1').samplingError).toBeGreaterThan(0.03);
  });

  it('covers the difference on all text, where every seed shares the sequences and their spread is nothing', async () => {
    const one = {
      ...results,
      experiments: [],
      comparisons: results.comparisons.filter(({ name }) => name === 'budget'),
    };
    const trials = 300;
    let held = 0;
    for (let trial = 0; trial < trials; trial++) {
      // Each sequence is harder for B1 by an amount of its own, the same in every seed: 0.01 nats on average.
      const random = stream(trial, 'amounts');
      const amounts = Array.from({ length: SEQUENCES }, () => 0.01 + 0.02 * random.normal());
      const isB1 = (key: string) => names.get(key)!.startsWith('B1');
      const found = await withSamplingErrors(
        one,
        reader((key) => Float32Array.from(amounts, (amount) => 2.5 + (isB1(key) ? amount : 0))),
      );
      if (Math.abs(mean(amounts) - 0.01) <= 2.01 * difference(found, 'B1', 'A1').samplingError!) held += 1;
    }
    expect(held / trials).toBeGreaterThan(0.92);
    expect(held / trials).toBeLessThan(0.98);
  });

  it('is not known where losses were not gathered, of one sequence, or of other tokens', async () => {
    const none = await withSamplingErrors(
      results,
      reader(() => undefined),
    );
    const single = await withSamplingErrors(
      results,
      reader((key) => drawn(key, 1)),
    );
    const apart = await withSamplingErrors(
      results,
      reader(drawn, (key) => (names.get(key)?.startsWith('A1') ? 'some' : 'others')),
    );
    for (const found of [none, single]) {
      expect(experiment(found, 'A1').samplingError).toBeNull();
      expect(difference(found, 'B1', 'A1').samplingError).toBeNull();
    }
    expect(experiment(apart, 'A1').samplingError).not.toBeNull();
    expect(difference(apart, 'B1', 'A1').samplingError).toBeNull();
    expect(difference(apart, 'C1', 'B1').samplingError).not.toBeNull();
  });

  it('reads the evaluations that are compared, among them a control at an earlier moment, and no others', async () => {
    const read = new Set<string>();
    await withSamplingErrors(results, async (key) => {
      read.add(key);
      return { losses: drawn(key), tokens: 'held out' };
    });
    const controls = results.experiments.flatMap(({ toControl }) => toControl?.points ?? []);
    const compared = controls.flatMap(({ armKey, baselineKey }) => [armKey!, baselineKey!]);
    expect(new Set(compared).size).toBeGreaterThan(0);
    expect(read).toEqual(new Set([...names.keys(), ...compared]));
  });
});

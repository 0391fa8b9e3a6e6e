/**
 * The report's figures in a terminal: never wider than it, plain where it is none, and the same numbers as the results.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import pc from 'picocolors';
import { describe, expect, test } from 'vitest';
import { drawCurves, drawQuality, drawSparsity, drawSurvival } from '../../src/plots/draw.ts';
import type { QualityRow } from '../../src/plots/plot-data.ts';
import { place, scaleOf, ticks } from '../../src/plots/scale.ts';
import { SwpProject } from '../support/swp-project.ts';

const ownStudy = join(dirname(fileURLToPath(import.meta.url)), '../../pipeline.json');

test('draws what the results hold, and says where the report has its files', async () => {
  const { dag } = JSON.parse(await readFile(ownStudy, 'utf8')) as Record<string, unknown>;
  const project = await SwpProject.create({
    name: 'plotted',
    dag,
    defaults: {
      rounds: 1,
      seeds: [0],
      params: {
        train: { steps: 3, batchSize: 2 },
        eval: { sequences: 16, batchSize: 16 },
        'detect-sw': { candidateSequences: 4, causalSequences: 8, batchSize: 8, controlsPerKind: 1, rescans: 0 },
        prune: { fraction: 0.1 },
      },
    },
    experiments: { A1: {}, B1: { params: { prune: { fraction: 0.5 } } }, twin: { extends: 'A1' } },
  });
  const before = await project.swp('plots');
  expect([before.exitCode, before.stderr]).toEqual([
    2,
    'error: There are no results of profile "all" yet.\n  Expected: `swp repro` first.',
  ]);
  expect((await project.swp('repro')).exitCode).toBe(0);

  const { stdout } = await project.swp('plots', 'quality', 'sparsity', 'survival', 'curves');
  expect(stdout.match(/^A1 = twin /gm)).toHaveLength(3);
  expect(stdout).not.toMatch(/^(A1 (?!=)|twin )/m);
  expect(stdout).toMatch(/^[\x20-\x7e\n]*$/); // no terminal: ASCII, without colours
  expect(
    Math.max(
      ...stdout
        .split('\n')
        .slice(1)
        .filter((line) => !/^(Final|Log|What|Training|The report)/.test(line))
        .map((line) => line.length),
    ),
  ).toBeLessThanOrEqual(100);
  const { floor, surprisal, plots } = (await project.swp('plots', 'quality', '--json')).json<{
    floor: number;
    surprisal: number;
    plots: { quality: QualityRow[] };
  }>()[0]!;
  const { rows } = (await project.swp('metrics', 'step=eval-trained', 'round=2', '--json')).json<{
    rows: { experiment: string; seed: number; metrics: { loss: number; excess: number } }[];
  }>()[0]!;
  for (const { experiment, seed, metrics } of rows)
    expect(
      plots.quality.find((row) => row.experiment === experiment)!.points.find((point) => point.seed === seed)!.value,
    ).toBe(metrics.excess);
  // 16 sequences are easier or harder than the language is on average.
  for (const { metrics } of rows) expect(metrics.excess).toBeCloseTo(metrics.loss - surprisal, 10);
  expect(surprisal).not.toBeCloseTo(floor, 4);
  expect(stdout).toContain(plots.quality[0]!.mean!.toFixed(4));
  expect((await project.swp('plots', 'quality', '--experiment', 'B*', '--json')).stdout).not.toContain('A1');

  const listed = await project.swp('plots', '--list');
  expect(listed.stdout).toMatch(/report\/all\/figures\/.+\.svg$/m);
  expect((await project.swp('plots', 'qualty')).stderr).toContain('Did you mean "quality"?');
  expect((await project.swp('plots', '--experiment', 'Z')).stderr).toContain('Expected: some of A1, B1, twin.');
});

describe('a drawing', () => {
  const value = fc.double({ min: -10, max: 1000, noNaN: true });
  const proportion = fc.integer({ min: 0, max: 6 }).chain((n) =>
    fc.integer({ min: 0, max: n }).map((k) => ({
      k,
      n,
      interval: n === 0 ? null : { lower: 0.2 * (k / n), upper: 1 - 0.2 * (1 - k / n), confidence: 0.95 },
    })),
  );
  const ink = fc
    .record({ width: fc.integer({ min: 70, max: 200 }), ascii: fc.boolean() })
    .map((shape) => ({ ...shape, colors: pc.createColors(!shape.ascii) }));

  test('fits its width, with any values', async () => {
    const quality = fc.array(
      fc.record({
        experiment: fc.constantFrom('A1', 'xavier-long'),
        declared: fc.constant(3),
        points: fc.array(fc.record({ seed: fc.nat(9), value }), { maxLength: 6 }),
        mean: fc.option(value),
        interval: fc.option(fc.record({ lower: value, upper: value, confidence: fc.constant(0.95) })),
      }),
      { minLength: 1, maxLength: 5 },
    );
    const survival = fc.array(
      fc.record({
        experiment: fc.constantFrom('A1', 'xavier-long'),
        noneEmerged: fc.nat(3),
        missing: fc.nat(3),
        kept: proportion,
        functional: proportion,
        redetected: proportion,
      }),
      { minLength: 1, maxLength: 4 },
    );
    const sparsity = fc.array(
      fc.record({
        experiment: fc.constantFrom('A1', 'B1'),
        seed: fc.nat(3),
        level: fc.nat(5),
        sparsity: fc.double({ min: 0, max: 1, noNaN: true }),
        value,
      }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(quality, survival, sparsity, ink, (a, b, c, on) => {
        for (const line of [...drawQuality(a, on), ...drawSurvival(b, on), ...drawSparsity(c, on).slice(0, -1)]) {
          // The last tick's number may reach beyond the axis.
          expect(stripVTControlCharacters(line).length).toBeLessThanOrEqual(on.width + 6);
          if (on.ascii) expect(line).toMatch(/^[\x20-\x7e]*$/);
        }
      }),
    );
    const curve = Array.from({ length: 500 }, (_, step) => ({ step, loss: 3 - step / 1000 }));
    const lines = await drawCurves([{ experiment: 'A1', seed: 0, points: curve, prunes: [] }], 2.4, {
      colors: pc.createColors(false),
      width: 80,
      ascii: true,
    });
    expect(lines.join('\n')).toMatch(/^[\x20-\x7e\n]*$/);
    expect(Math.max(...lines.slice(2).map((line) => line.length))).toBeLessThanOrEqual(84);
  });

  test('puts every value inside its axis, in order, and ticks at round values', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1 }), fc.integer({ min: 5, max: 120 }), (values, size) => {
        const scale = scaleOf(values, size, { mayBeLogarithmic: true });
        const sorted = [...values].sort((a, b) => a - b).map((each) => place(scale, each));
        expect(sorted).toEqual([...sorted].sort((a, b) => a - b));
        expect(sorted[0]).toBeGreaterThanOrEqual(0);
        expect(sorted.at(-1)).toBeLessThan(size);
        const marks = ticks(scale, 6);
        expect(
          marks.every(
            (mark) =>
              mark >= scale.low - 1e-6 * Math.abs(scale.low) - 1e-9 &&
              mark <= scale.high + 1e-6 * Math.abs(scale.high) + 1e-9,
          ),
        ).toBe(true);
      }),
    );
  });
});

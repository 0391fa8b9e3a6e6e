/** Matched controls and magnitudes: the right weights, each once, none that proves nothing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONTROL_KINDS, matchedControls } from '../../src/science/controls.ts';
import { largestMagnitudes, magnitudeRank, magnitudeRanks } from '../../src/science/magnitude.ts';

const matrices = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })).chain(([rows, cols]) =>
  fc.record({
    shape: fc.constant([rows, cols]),
    data: fc
      .array(fc.integer({ min: -3, max: 3 }), { minLength: rows * cols, maxLength: rows * cols })
      .map((values) => Float32Array.from(values)),
    row: fc.nat({ max: rows - 1 }),
    col: fc.nat({ max: cols - 1 }),
    perKind: fc.integer({ min: 1, max: 5 }),
    excluded: fc.array(fc.nat({ max: rows * cols - 1 }), { maxLength: 3 }).map((indices) => new Set(indices)),
    seed: fc.nat(),
  }),
);

describe('matched controls', () => {
  it('are distinct weights other than 0, the candidate and the known super weights, as many per kind as there are', () => {
    fc.assert(
      fc.property(matrices, ({ shape, data, row, col, perKind, excluded, seed }) => {
        const cols = shape[1]!;
        const controls = matchedControls({ shape, data }, { layer: 0, row, col }, perKind, excluded, seed);
        const indices = controls.map((control) => control.row * cols + control.col);
        expect(new Set(indices).size).toBe(indices.length);
        for (const index of indices)
          expect(data[index] !== 0 && index !== row * cols + col && !excluded.has(index)).toBe(true);
        for (const kind of CONTROL_KINDS)
          expect(controls.filter((control) => control.kind === kind).length).toBeLessThanOrEqual(perKind);
        const eligible = [...data.keys()].filter(
          (index) => data[index] !== 0 && index !== row * cols + col && !excluded.has(index),
        );
        const random = controls.filter(({ kind }) => kind === 'random').length;
        const others = controls.length - random;
        expect(random).toBe(Math.min(perKind, eligible.length - others));
        for (const control of controls) {
          if (control.kind === 'same-row') expect(control.row).toBe(row);
          if (control.kind === 'same-column') expect(control.col).toBe(col);
        }
        const next = controls
          .filter(({ kind }) => kind === 'next-largest')
          .map((control) => Math.abs(data[control.row * cols + control.col]!));
        expect(next).toEqual(
          eligible
            .map((index) => Math.abs(data[index]!))
            .sort((a, b) => b - a)
            .slice(0, perKind),
        );
      }),
    );
  });

  it('are the same random ones whatever the values, so that arms stay paired', () => {
    const random = (data: Float32Array) =>
      matchedControls({ shape: [8, 8], data }, { layer: 1, row: 2, col: 3 }, 2, new Set(), 5)
        .filter(({ kind }) => kind === 'random')
        .map(({ row, col }) => [row, col]);
    // The largest weights, which other kinds take, lie in the candidate's row and column in both.
    const matrix = (scale: number) =>
      Float32Array.from({ length: 64 }, (_, index) =>
        Math.floor(index / 8) === 2 || index % 8 === 3 ? 100 - index : scale * ((index % 7) + 1),
      );
    expect(random(matrix(1))).toEqual(random(matrix(-0.5)));
    expect(random(matrix(1))).toHaveLength(2);
  });
});

describe('magnitudes', () => {
  const values = fc
    .array(fc.integer({ min: -5, max: 5 }), { maxLength: 30 })
    .map((numbers) => Float32Array.from(numbers));

  it('of the largest weights are those that a stable sort puts first', () => {
    fc.assert(
      fc.property(values, fc.nat({ max: 10 }), (data, count) => {
        const sorted = [...data.keys()].sort((a, b) => Math.abs(data[b]!) - Math.abs(data[a]!) || a - b);
        expect(largestMagnitudes(data, data.keys(), count)).toEqual(sorted.slice(0, count));
      }),
    );
  });

  it('rank a weight by how many are larger, over all tensors', () => {
    expect(magnitudeRank(-3, [Float32Array.of(1, 3, -5), Float32Array.of(4, 2)])).toBe(3);
    expect(magnitudeRank(0, [Float32Array.of(0, 1), Float32Array.of(-1)])).toBe(3);
  });

  it('rank many weights as each alone', () => {
    const numbers = fc.array(fc.integer({ min: -5, max: 5 }), { maxLength: 20 });
    fc.assert(
      fc.property(numbers, numbers, numbers, (values, ...tensors) => {
        const data = tensors.map((tensor) => Float32Array.from(tensor));
        expect(magnitudeRanks(values, data)).toEqual(values.map((value) => magnitudeRank(value, data)));
      }),
    );
  });
});

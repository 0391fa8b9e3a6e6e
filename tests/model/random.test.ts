/** Random streams: reproducible, unrelated to each other, and distributed as they say. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream, type RandomStream } from '../../src/base/random.ts';

const draws = (random: RandomStream, count: number, draw: (random: RandomStream) => number) =>
  Array.from({ length: count }, () => draw(random));

describe('a random stream', () => {
  it('is a pure function of seed, name and indices', () => {
    fc.assert(
      fc.property(fc.nat(), fc.string(), fc.array(fc.nat(), { maxLength: 3 }), (seed, name, indices) => {
        const [first, again] = [stream(seed, name, ...indices), stream(seed, name, ...indices)];
        expect(draws(first, 5, (r) => r.uniform())).toEqual(draws(again, 5, (r) => r.uniform()));
      }),
    );
  });

  it('differs from every stream of another seed, name or index, however the parts are cut', () => {
    const streams = [
      stream(1, 'a'),
      stream(2, 'a'),
      stream(1, 'b'),
      stream(1, 'a', 0),
      stream(1, 'a', 1),
      stream(1, 'a', 1, 2),
      stream(1, 'a', 12),
      stream(1, 'a,1'),
    ];
    expect(new Set(streams.map((random) => random.uniform())).size).toBe(streams.length);
  });

  it('keeps the same draws in every version: results recorded long ago stay reproducible', () => {
    const random = stream(0, 'train-data', 7);
    expect([random.uniform(), random.normal(), random.integer(1000)]).toMatchInlineSnapshot(`
      [
        0.08407861183357956,
        1.7229745575755362,
        156,
      ]
    `);
  });

  it('refuses a seed or index that is no non-negative integer', () => {
    for (const number of [-1, 0.5, Number.NaN, 2 ** 53])
      expect(() => stream(number, 'x')).toThrow('non-negative integer');
    expect(() => stream(0, 'x', -3)).toThrow('-3 is no seed or index');
  });

  it('has the mean and variance of the uniform and of the normal distribution', () => {
    const moments = (values: number[]) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
    };
    const uniforms = draws(stream(4, 'moments'), 100_000, (r) => r.uniform());
    const normals = draws(stream(5, 'moments'), 100_000, (r) => r.normal());
    expect(uniforms.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(moments(uniforms).mean).toBeCloseTo(0.5, 2);
    expect(moments(uniforms).variance).toBeCloseTo(1 / 12, 2);
    expect(Math.abs(moments(normals).mean)).toBeLessThan(0.015);
    expect(Math.abs(moments(normals).variance - 1)).toBeLessThan(0.02);
    const beyond = normals.filter((value) => Math.abs(value) > 1.96).length / normals.length;
    expect(Math.abs(beyond - 0.05)).toBeLessThan(0.004);
  });

  it('draws integers and categories in range and as often as asked', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, count) => {
        for (const value of draws(stream(seed, 'integers'), 20, (r) => r.integer(count)))
          expect(value >= 0 && value < count && Number.isInteger(value)).toBe(true);
      }),
    );
    const cumulative = [0, 0.25, 0.25, 0.75, 1];
    const counts = [0, 0, 0, 0, 0];
    for (const value of draws(stream(6, 'categories'), 40_000, (r) => r.categorical(cumulative))) counts[value]! += 1;
    expect([counts[0], counts[2]]).toEqual([0, 0]);
    for (const [index, share] of [
      [1, 0.25],
      [3, 0.5],
      [4, 0.25],
    ] as const)
      expect(Math.abs(counts[index]! / 40_000 - share)).toBeLessThan(0.012);
  });
});

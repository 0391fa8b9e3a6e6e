import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { stream } from '../../src/base/random.ts';
import * as stated from '../../src/base/stated-math.ts';

const random = stream(0, 'stated-math');
const NUMBERS = Float64Array.from({ length: 50_000 }, () => random.uniform());

const CASES: Record<string, { call: (x: number) => number; open: (x: number) => number; from: number; to: number }> = {
  exp: { call: stated.exp, open: Math.exp, from: -700, to: 700 },
  log: { call: stated.log, open: Math.log, from: 0, to: 1e4 },
  cos: { call: stated.cos, open: Math.cos, from: -5000, to: 5000 },
  sin: { call: stated.sin, open: Math.sin, from: -5000, to: 5000 },
  'pow of 10000': { call: (x) => stated.pow(1e4, x), open: (x) => Math.pow(1e4, x), from: -1, to: 1 },
  'pow of 0.999': {
    call: (x) => stated.pow(0.999, Math.floor(x)),
    open: (x) => Math.pow(0.999, Math.floor(x)),
    from: 0,
    to: 1e5,
  },
};

/** In units of the last place. */
function distance(a: number, b: number): number {
  const bits = (x: number): bigint => new BigInt64Array(Float64Array.of(x).buffer)[0]!;
  return Math.abs(Number(bits(a) - bits(b)));
}

describe('functions with stated bits', () => {
  it.each(Object.entries(CASES))('%s is at most a unit of the last place from that of the engine', (_, each) => {
    const { call, open, from, to } = each;
    const arguments_ = NUMBERS.map((share) => from + (to - from) * share);
    expect(Math.max(...arguments_.map((x) => distance(call(x), open(x))))).toBeLessThanOrEqual(1);
  });

  it('give the same bits on every machine', () => {
    const digests = Object.entries(CASES).map(([name, { call, from, to }]) => {
      const results = NUMBERS.map((share) => call(from + (to - from) * share));
      return [name, createHash('sha256').update(new Uint8Array(results.buffer)).digest('hex').slice(0, 16)];
    });
    expect(Object.fromEntries(digests)).toEqual({
      exp: '4212c195f44c9033',
      log: '21d43ecc148e688c',
      cos: '101ad20b71cd697e',
      sin: '435d1ec85ea580df',
      'pow of 10000': '2b1f4903a91fe8ce',
      'pow of 0.999': '55ba8cc0c6bacb42',
    });
  });

  it('have the exact powers of 2', () => {
    const exponents = Array.from({ length: 2098 }, (_, index) => index - 1074);
    const scaled = (exponent: number): number => Number.parseFloat(exactPower(exponent));
    expect(exponents.filter((exponent) => stated.pow(2, exponent) !== scaled(exponent))).toEqual([]);
  });

  it('have the limits of the real functions', () => {
    expect([-Infinity, -746, 0, 710, Infinity, NaN].map(stated.exp)).toEqual([0, 0, 1, Infinity, Infinity, NaN]);
    expect([0, 1, Infinity, -1, NaN].map(stated.log)).toEqual([-Infinity, 0, Infinity, NaN, NaN]);
    expect([stated.cos(0), stated.sin(0), stated.pow(3, 0), stated.square(-3)]).toEqual([1, 0, 1, 9]);
  });
});

/** 2^exponent as a decimal with all digits, or a quotient of such that a parser rounds to nothing. */
function exactPower(exponent: number): string {
  if (exponent >= 0) return (2n ** BigInt(exponent)).toString();
  // 2^-n = 5^n / 10^n
  return `${5n ** BigInt(-exponent)}e${exponent}`;
}

/** What a decoder reads and what it is to predict. */
import { expect, it } from 'vitest';
import { splitNextTokens } from '../../src/model/next-token.ts';

it('each token is followed by its target, row by row', () => {
  const { tokens, targets } = splitNextTokens(Int32Array.of(0, 1, 2, 3, 0, 7, 8, 9), { batch: 2, sequence: 3 });
  expect([...tokens]).toEqual([0, 1, 2, 0, 7, 8]);
  expect([...targets]).toEqual([1, 2, 3, 7, 8, 9]);
});

it('refuses rows of another shape', () => {
  expect(() => splitNextTokens(new Int32Array(9), { batch: 2, sequence: 3 })).toThrow('9 tokens are no 2 x 4.');
});

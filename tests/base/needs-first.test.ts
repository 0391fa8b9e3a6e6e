import { expect, it } from 'vitest';
import { needsFirst } from '../../src/base/needs-first.ts';

it('puts what is needed first, and leaves the rest in its order', () => {
  const needs: Record<string, string[]> = { d: ['c', 'b'], b: ['a'] };
  expect(needsFirst(['d', 'a', 'b', 'c', 'e'], (key) => needs[key] ?? [])).toEqual(['c', 'a', 'b', 'd', 'e']);
});

it('takes chains that are longer than the stack is deep', () => {
  const numbers = Array.from({ length: 200_000 }, (_, index) => index);
  const needs = (number: number) => (number + 1 < numbers.length ? [number + 1] : []);
  expect(needsFirst(numbers, needs)).toEqual(numbers.toReversed());
});

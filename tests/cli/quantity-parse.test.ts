/** Values of options: what is meant is taken, and a slip is no other value. */
import { expect, test } from 'vitest';
import { parsePositive, parserOf } from '../../src/cli/quantity-parse.ts';
import { LOCAL_GPUS } from '../../src/project/gpu-choice.ts';

const parseGpus = parserOf(LOCAL_GPUS);

test.each(['auto', 'none', '0', '0,1', '0, 3', 'GPU-3f2a-77', 'MIG-GPU-1a/0/2,1'])('--gpus %s', (text) =>
  expect(parseGpus(text)).toBe(text),
);

test.each(['', '-1', 'all', 'nan', '0,', '0 1', '0x1', 'gpu0'])('--gpus "%s" is refused', (text) =>
  expect(() => parseGpus(text)).toThrow('It must be auto, none, or indices such as 0,1.'),
);

test.each([
  ['20', 20],
  ['0.5', 0.5],
  ['.5', 0.5],
  ['2e3', 2000],
])('a positive number: %s', (text, number) => expect(parsePositive(text)).toBe(number));

test.each(['', '0', '-1', '0x10', '1e400', 'NaN', 'Infinity', ' 3 ', '3,4', '1_000'])('none: "%s"', (text) =>
  expect(() => parsePositive(text)).toThrow('It must be a positive number.'),
);

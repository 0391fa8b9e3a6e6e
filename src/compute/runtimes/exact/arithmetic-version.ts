/**
 * The version of the arithmetic that docs/exact-arithmetic.md states: part of every key whose result the exact engine
 * computes. It changes when a stated operation does, whatever the reason.
 */
export const ARITHMETIC_VERSION = 1;

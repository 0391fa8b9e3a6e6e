/** Numbers, sizes and durations as people write them on a command line. */
import { InvalidArgumentError } from 'commander';
import { BYTE_UNITS, parseQuantity } from '../base/quantities.ts';
import type { WrittenValue } from '../project/slurm-values.ts';

const MILLISECONDS: Record<string, number> = { s: 1e3, min: 6e4, h: 3.6e6, d: 8.64e7, w: 6.048e8 };

/** E.g. `50GB` or `512MiB`, in bytes. */
export function parseBytes(text: string): number {
  return parse(text, { ...BYTE_UNITS, '': 1 }, 'a size such as 50GB or 512MiB');
}

/** A worker takes 60 MB before it has begun: a smaller limit would end every node. */
const LEAST_MEMORY = 64e6;

/** The most that a node may take, in bytes. */
export function parseMemoryLimit(text: string): number {
  const bytes = parseBytes(text);
  if (bytes < LEAST_MEMORY)
    throw new InvalidArgumentError('It must be 64MB or more: the process of a node takes that by itself.');
  return bytes;
}

/** E.g. `7d` or `12h`, in milliseconds. */
export function parseDuration(text: string): number {
  return parse(text, MILLISECONDS, 'a duration such as 7d or 12h');
}

/** E.g. `20`, from 0. A word that is no number must not pass for one: `gc --keep-last all` would keep nothing. */
export function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return Number(text);
}

/** The seed of a run. */
export function parseSeed(text: string): number {
  const seed = /^\d{1,10}$/.test(text) ? Number(text) : Infinity;
  if (seed > 0xffff_ffff) throw new InvalidArgumentError('It must be a whole number from 0 to 4294967295.');
  return seed;
}

/** From 1 to 9999, e.g. nodes at a time. */
export function parsePositiveInteger(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 to 9999.');
  return Number(text);
}

export function parsePositive(text: string): number {
  const number = /^\d*\.?\d+(e[+-]?\d+)?$/i.test(text) ? Number(text) : 0;
  if (!(number > 0 && number < Infinity)) throw new InvalidArgumentError('It must be a positive number.');
  return number;
}

/** E.g. `10%` or `10`, as a share of 1. */
export function parsePercent(text: string): number {
  const number = /^(\d+(?:\.\d+)?)%?$/.exec(text)?.[1];
  if (number === undefined || Number(number) > 100) throw new InvalidArgumentError('It must be a share such as 10%.');
  return Number(number) / 100;
}

/** A share, e.g. `1e-4`. */
export function parseTolerance(text: string): number {
  if (!/^\d*\.?\d+(e-?\d+)?$/i.test(text)) throw new InvalidArgumentError('It must be a number such as 1e-4.');
  return Number(text);
}

function parse(text: string, units: Record<string, number>, expected: string): number {
  const amount = parseQuantity(text, units);
  if (amount === undefined) throw new InvalidArgumentError(`It must be ${expected}.`);
  return amount;
}

/** What a project has words for. */
export function parserOf<Value>({ parse, expected }: WrittenValue<Value>): (text: string) => Value {
  return (text) => {
    const value = parse(text);
    if (value === undefined) throw new InvalidArgumentError(`It must be ${expected}.`);
    return value;
  };
}

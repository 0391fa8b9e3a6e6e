/** The axis of differences: linear where they are of one size, symmetric-logarithmic where they span several. */
import { largest as largestOf, smallest as smallestOf } from '../../base/extremes.ts';
import type { Spec } from '../chart.ts';

/** Beyond this ratio of the largest to a typical difference, a linear axis would show the small ones as nothing. */
const LINEAR_UP_TO = 25;

/** Differences smaller than this share of the largest are drawn as nothing. */
const SMALLEST = 1e-5;

/** Ticks closer than this share of the axis would run into each other. */
const CLOSEST = 0.16;

export interface DifferenceScale {
  scale: Spec;
  ticks: number[];
  isLog: boolean;
}

/** @param values everything to be drawn: differences, and the ends of their intervals */
export function differenceScale(values: readonly number[]): DifferenceScale {
  const sizes = values.map(Math.abs).filter((size) => size > 0);
  const largest = Math.max(largestOf(sizes), 1e-6);
  const typical = sizes.length === 0 ? largest : [...sizes].sort((a, b) => a - b)[Math.floor((sizes.length - 1) / 4)]!;
  const low = Math.min(0, smallestOf(values));
  const high = Math.max(0, largestOf(values));
  if (largest / typical <= LINEAR_UP_TO) {
    const margin = 0.06 * (high - low || largest);
    const domain: [number, number] = [low - margin, high + margin];
    return { scale: { domain, nice: false, zero: true }, ticks: linearTicks(domain), isLog: false };
  }
  const constant = 10 ** Math.floor(Math.log10(Math.max(typical, largest * SMALLEST)));
  const domain: [number, number] = [low * 1.5, high * 1.5];
  return {
    scale: { type: 'symlog', constant, domain, nice: false },
    ticks: symlogTicks(domain, constant),
    isLog: true,
  };
}

/** Multiples of 1, 2 or 5 times a power of ten: some four of them. */
function linearTicks([low, high]: [number, number]): number[] {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((mantissa) => mantissa * power).find((candidate) => candidate >= rough * 0.85)!;
  const ticks: number[] = [];
  for (let tick = Math.ceil(low / step); tick * step <= high; tick++) ticks.push(Number((tick * step).toPrecision(6)));
  return ticks;
}

/** Zero, and powers of ten to both sides, from the ends inwards, as far as there is room. */
function symlogTicks([low, high]: [number, number], constant: number): number[] {
  const place = (value: number) => Math.sign(value) * Math.log1p(Math.abs(value) / constant);
  const whole = place(high) - place(low);
  const ticks = [0];
  for (let decade = 10 ** Math.ceil(Math.log10(Math.max(high, -low))); decade >= constant; decade /= 10)
    for (const tick of [decade, -decade].map((value) => Number(value.toPrecision(1))))
      if (
        tick >= low &&
        tick <= high &&
        ticks.every((other) => Math.abs(place(tick) - place(other)) >= CLOSEST * whole)
      )
        ticks.push(tick);
  return ticks.sort((a, b) => a - b);
}

/** Axes: numbers to columns, and round numbers to write beside them. */
import { largest, smallest } from '../base/extremes.ts';

export interface Scale {
  low: number;
  high: number;
  /** Cells. */
  size: number;
  logarithmic: boolean;
}

/** Beyond this ratio of the largest to the smallest value, the small ones would all lie in one place. */
const WIDE = 30;
/** What is smaller than this is as good as 0. */
const SMALLEST = 1e-12;

/** @param values finite; for none, an axis from 0 to 1 */
export function scaleOf(
  values: readonly number[],
  size: number,
  { zero = false, mayBeLogarithmic = false } = {},
): Scale {
  const all = zero ? [...values, 0] : values;
  const [least, most] = [smallest(all), largest(all)];
  if (values.length === 0) return { low: 0, high: 1, size, logarithmic: false };
  if (mayBeLogarithmic && least > SMALLEST && most / least > WIDE)
    return { low: least, high: most, size, logarithmic: true };
  const room = 0.04 * (most - least || Math.abs(most)) || 1;
  return { low: zero && least >= 0 ? 0 : least - room, high: most + room, size, logarithmic: false };
}

/** Cell of a value, from 0 to size - 1; values outside lie at the ends. */
export function place({ low, high, size, logarithmic }: Scale, value: number): number {
  const along = logarithmic ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.max(0, Math.min(size - 1, Math.round(along * (size - 1))));
}

/** Round values on the axis, at most so many. */
export function ticks({ low, high, logarithmic }: Scale, most: number): number[] {
  if (logarithmic) {
    const decades = Array.from({ length: 25 }, (_, index) => 10 ** (index - 12)).flatMap((decade) => [
      decade,
      3 * decade,
    ]);
    const inside = decades.filter((tick) => tick >= low && tick <= high);
    return inside.length <= most ? inside : inside.filter((_, index) => index % Math.ceil(inside.length / most) === 0);
  }
  const rough = (high - low) / most;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((multiple) => multiple * decade).find((candidate) => candidate >= rough)!;
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

/** E.g. 0.05, 1.2, 3000: all digits, for ticks may differ in the last. */
export function tickText(value: number): string {
  return String(Number(value.toPrecision(12)));
}

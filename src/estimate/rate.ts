/**
 * How long a node takes by its units of work, from nodes that were timed: seconds = fixed + perUnit x units. The line
 * is Theil and Sen's (the median of the slopes between all pairs; Sen 1968, J. Am. Stat. Assoc. 63, 1379): half of the
 * times may be far off, as on a machine with other users, without moving it much.
 */

export interface Timed {
  units: number;
  seconds: number;
}

export interface Rate {
  /** Seconds that a node takes whatever its size. */
  fixed: number;
  /** Seconds per unit. */
  perUnit: number;
  /** 10th and 90th percentile of what nodes took, as multiples of what the line says. */
  spread: { lower: number; upper: number };
  /** Nodes that were timed. */
  n: number;
}

/** More nodes than these make the slope hardly more exact. */
const MOST_POINTS = 200;
/** Below this ratio of the largest to the smallest node, a slope says more about noise than about size. */
const LEAST_REACH = 2;

/**
 * @param timed of one kind of node on one machine; units are positive
 * @returns undefined for none
 */
export function fitRate(timed: readonly Timed[]): Rate | undefined {
  const points = evenly(
    timed.filter(({ units, seconds }) => units > 0 && seconds >= 0),
    MOST_POINTS,
  );
  if (points.length === 0) return undefined;
  const units = points.map((point) => point.units);
  const line = Math.max(...units) >= LEAST_REACH * Math.min(...units) ? theilSen(points) : throughOrigin(points);
  const ratios = points.map(({ units, seconds }) => seconds / Math.max(1e-9, secondsOf(line, units)));
  return {
    ...line,
    spread: { lower: Math.min(1, quantile(ratios, 0.1)), upper: Math.max(1, quantile(ratios, 0.9)) },
    n: points.length,
  };
}

export function secondsOf({ fixed, perUnit }: Pick<Rate, 'fixed' | 'perUnit'>, units: number): number {
  return fixed + perUnit * units;
}

/** Quantile with linear interpolation between order statistics (Hyndman and Fan's type 7); of at least one value. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)]!;
  return below + (sorted[Math.ceil(place)]! - below) * (place - Math.floor(place));
}

function theilSen(points: readonly Timed[]): Pick<Rate, 'fixed' | 'perUnit'> {
  const slopes = points.flatMap((a, index) =>
    points
      .slice(index + 1)
      .flatMap((b) => (a.units === b.units ? [] : [(b.seconds - a.seconds) / (b.units - a.units)])),
  );
  const perUnit = Math.max(0, quantile(slopes, 0.5));
  const fixed = quantile(
    points.map(({ units, seconds }) => seconds - perUnit * units),
    0.5,
  );
  return fixed >= 0 ? { fixed, perUnit } : throughOrigin(points); // no node takes less than nothing
}

function throughOrigin(points: readonly Timed[]): Pick<Rate, 'fixed' | 'perUnit'> {
  return {
    fixed: 0,
    perUnit: quantile(
      points.map(({ units, seconds }) => seconds / units),
      0.5,
    ),
  };
}

/** Picks `most` items at equal distances, the first and the last among them. */
function evenly<Item>(items: readonly Item[], most: number): Item[] {
  if (items.length <= most) return [...items];
  return Array.from({ length: most }, (_, index) => items[Math.round((index * (items.length - 1)) / (most - 1))]!);
}

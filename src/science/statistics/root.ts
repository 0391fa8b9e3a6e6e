/** Where a monotone function crosses zero. */

/**
 * A bracketed root by bisection, which cannot diverge, to 12 significant digits. `f` must rise from below 0 to above.
 */
export function risingRoot(f: (x: number) => number, low: number, high: number): number {
  while (high - low > 1e-13 * Math.max(1, Math.abs(low), Math.abs(high))) {
    const middle = (low + high) / 2;
    if (f(middle) < 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

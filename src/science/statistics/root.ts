/** Where a monotone function crosses zero. */

/** A bracketed root by bisection, which cannot diverge: to the last bit but a few. `f` must rise from below 0 to above. */
export function risingRoot(f: (x: number) => number, low: number, high: number): number {
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (f(middle) < 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

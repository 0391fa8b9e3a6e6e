/** The error function in double precision, for x >= 0: to compare with, as JavaScript has none. */

/** 2 / sqrt(pi) exp(-x^2) (x + 2 x^3 / 3 + 4 x^5 / (3 * 5) + ..): no term is negative, so nothing cancels. */
export function errorFunction(x: number): number {
  if (x >= 6) return 1; // to 17 digits
  let term = x;
  let sum = x;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (2 * x * x) / (2 * k + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

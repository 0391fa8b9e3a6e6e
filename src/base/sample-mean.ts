/** @returns the mean of the values; NaN for none */
export function sampleMean(values: Float64Array | readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

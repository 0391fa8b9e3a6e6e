/** How many elements a tensor of this shape has; a scalar, of shape [], has one. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

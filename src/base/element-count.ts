/** How many elements a tensor has: the product of its shape. A scalar, of shape [], has one. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

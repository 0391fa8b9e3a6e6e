/** Four bits of a mask as float32: 1 = kept. @param index of the first, a multiple of 4 */
export function kept(mask: usize, index: usize): v128 {
  const bits = (<i32>load<u8>(mask + (index >> 3))) >> (<i32>(index & 4));
  const lanes = i32x4.ne(v128.and(i32x4.splat(bits), i32x4(1, 2, 4, 8)), i32x4.splat(0));
  return v128.and(lanes, f32x4.splat(1));
}

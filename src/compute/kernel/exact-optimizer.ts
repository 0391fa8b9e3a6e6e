/**
 * The optimizer of the exact arithmetic (docs/exact-arithmetic.md, "Training"): as optimizer.ts, but that subnormal
 * numbers are numbers. What would become one and stay so is made +0 instead, below thresholds that are stated there.
 */
import { kept } from './kept';

export { accumulate, maskAndSquare } from './optimizer';

const LEAST_FIRST: f32 = 7.888609052210118e-31; // 2^-100
const LEAST_SQUARED: f32 = 1.3877787807814457e-17; // 2^-56
const LEAST_NORMAL: f32 = 1.1754943508222875e-38; // 2^-126

/** Lanes whose magnitude is below the threshold become +0; NaN stays. */
function withoutLess(lanes: v128, threshold: f32): v128 {
  return v128.andnot(lanes, f32x4.lt(f32x4.abs(lanes), f32x4.splat(threshold)));
}

/** One AdamW update under a mask, with the parameters of optimizer.ts. */
export function adamw(
  weight: usize,
  gradient: usize,
  first: usize,
  second: usize,
  mask: usize,
  length: i32,
  clip: f32,
  beta1: f32,
  beta2: f32,
  rate: f32,
  inverseCorrection2: f32,
  epsilon: f32,
  decay: f32,
): void {
  const clip4 = f32x4.splat(clip);
  const beta1x4 = f32x4.splat(beta1);
  const rest1 = f32x4.splat(<f32>1 - beta1);
  const beta2x4 = f32x4.splat(beta2);
  const rest2 = f32x4.splat(<f32>1 - beta2);
  const rate4 = f32x4.splat(rate);
  const correction = f32x4.splat(inverseCorrection2);
  const epsilon4 = f32x4.splat(epsilon);
  const keep = f32x4.splat(<f32>1 - decay);
  const end = weight + ((<usize>length) << 2);
  let index: usize = 0;
  while (weight < end) {
    const g = f32x4.mul(v128.load(gradient), clip4);
    const h = withoutLess(g, LEAST_SQUARED);
    const m = withoutLess(f32x4.add(f32x4.mul(beta1x4, v128.load(first)), f32x4.mul(rest1, g)), LEAST_FIRST);
    const squares = f32x4.add(f32x4.mul(beta2x4, v128.load(second)), f32x4.mul(rest2, f32x4.mul(h, h)));
    const v = v128.andnot(squares, f32x4.lt(squares, f32x4.splat(LEAST_NORMAL))); // it is not negative
    v128.store(first, m);
    v128.store(second, v);
    const step = f32x4.div(f32x4.mul(rate4, m), f32x4.add(f32x4.sqrt(f32x4.mul(v, correction)), epsilon4));
    let w = withoutLess(f32x4.sub(f32x4.mul(keep, v128.load(weight)), step), LEAST_NORMAL);
    if (mask != 0) {
      w = f32x4.mul(w, kept(mask, index));
      index += 4;
    }
    v128.store(weight, w);
    weight += 16;
    gradient += 16;
    first += 16;
    second += 16;
  }
}

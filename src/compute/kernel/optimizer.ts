/**
 * The optimizer as a WebAssembly SIMD kernel (AssemblyScript): it works in place on memory that the runtime's
 * inputs and outputs view, so weights, gradients and moments are never copied. Pointers are byte offsets, multiples
 * of 16; lengths count float32 and are multiples of 4 (buffers are padded with zeros). A mask pointer of 0 means that
 * the tensor has no mask. The lowest 64 KiB of the memory stay free, so that nothing collides with static data.
 */

import { kept } from './kept';

/**
 * Masks the gradient in place and returns the sum of its squares (accumulated in float64).
 * @param gradient float32[length]
 * @param mask bits[length], the first in the lowest bit of the first byte, or 0
 */
export function maskAndSquare(gradient: usize, mask: usize, length: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  const end = gradient + ((<usize>length) << 2);
  let index: usize = 0;
  for (let at = gradient; at < end; at += 16) {
    let g = v128.load(at);
    if (mask != 0) {
      g = f32x4.mul(g, kept(mask, index));
      index += 4;
      v128.store(at, g);
    }
    const first = f64x2.promote_low_f32x4(g);
    const second = f64x2.promote_low_f32x4(i32x4.shuffle(g, g, 2, 3, 2, 3));
    low = f64x2.add(low, f64x2.mul(first, first));
    high = f64x2.add(high, f64x2.mul(second, second));
  }
  const sum = f64x2.add(low, high);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/**
 * Adds a share of one micro-batch's gradient to the gradient of the training step: total = total + factor * part.
 * @param total float32[length]
 * @param part float32[length]
 */
export function accumulate(total: usize, part: usize, factor: f32, length: i32): void {
  const factor4 = f32x4.splat(factor);
  const end = total + ((<usize>length) << 2);
  while (total < end) {
    v128.store(total, f32x4.add(v128.load(total), f32x4.mul(factor4, v128.load(part))));
    total += 16;
    part += 16;
  }
}

/**
 * One AdamW update (Loshchilov & Hutter 2019, algorithm 2) under a mask:
 *   m = beta1 m + (1 - beta1) s g;  v = beta2 v + (1 - beta2) (s g)^2
 *   w = (1 - decay) w - rate m / (sqrt(v / correction2) + epsilon);  w = w * mask
 * with s the clipping factor, decay = learningRate * weightDecay and rate = learningRate / (1 - beta1^t).
 * A masked gradient keeps masked moments at exactly 0, and the last product keeps masked weights at exactly 0.
 * @param inverseCorrection2 1 / (1 - beta2^t)
 */
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
    const m = f32x4.add(f32x4.mul(beta1x4, v128.load(first)), f32x4.mul(rest1, g));
    const v = f32x4.add(f32x4.mul(beta2x4, v128.load(second)), f32x4.mul(rest2, f32x4.mul(g, g)));
    v128.store(first, m);
    v128.store(second, v);
    const step = f32x4.div(f32x4.mul(rate4, m), f32x4.add(f32x4.sqrt(f32x4.mul(v, correction)), epsilon4));
    let w = f32x4.sub(f32x4.mul(keep, v128.load(weight)), step);
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

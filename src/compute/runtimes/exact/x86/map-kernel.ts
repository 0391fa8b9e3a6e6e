/**
 * The code of a map kernel: loops around the lanes, a loop over vectors of lanes, and in it the body, for several
 * vectors side by side where registers allow. Lanes that do not fill vectors are done with shorter ones, and at last
 * one by one, so that nothing outside of a view is touched.
 */
import type { Instruction, MapKernel } from '../language.ts';
import { Label } from './code-buffer.ts';
import { type Encoder, type Lanes } from './encoder.ts';
import { bytesOf, emitLoops, type KernelCode } from './kernel-code.ts';
import { Lifetimes } from './lifetimes.ts';
import { MapBody } from './map-body.ts';
import { LANE_OFFSET, Streams } from './streams.ts';

/** Writes the body for some vectors side by side. @returns false if they do not fit in the registers */
type Emit = (lanes: Lanes, vectors: number) => boolean;

/** Vectors side by side: while one waits for its last result, another is computed. */
const ABREAST = 4;

export function emitMap(target: KernelCode, kernel: MapKernel): void {
  const { code, width } = target;
  const streams = new Streams(code, kernel);
  const lifetimes = new Lifetimes(kernel.body);
  const emit: Emit = (lanes, vectors) => new MapBody(target, kernel, streams, lifetimes, lanes, vectors).emit();
  const most = hasParts(kernel.body) ? 1 : ABREAST;
  emitLoops(code, kernel.loops, streams.counters, streams.pointers, () => {
    code.moveNumber(LANE_OFFSET, 0);
    let left = kernel.lanes;
    const group = (lanes: Lanes, vectors: number) => {
      const done = lanes * emitFitting(code, emit, lanes, vectors);
      code.addNumber(LANE_OFFSET, bytesOf(done));
      return done;
    };
    const whole = Math.floor(left / width);
    if (whole > 0) {
      // So many that all groups are alike, where that is possible.
      const even = [4, 3, 2].find((vectors) => vectors <= most && whole % vectors === 0);
      const vectors = even ?? Math.min(most, whole);
      const begin = code.place(new Label());
      const done = group(width, vectors);
      const times = Math.floor(left / done);
      if (times > 1) {
        code.compareNumber(LANE_OFFSET, bytesOf(times * done));
        code.jumpIf('less', begin);
      }
      left -= times * done;
    }
    for (const lanes of [width, 8, 4, 1] as const)
      while (left >= lanes) left -= group(lanes, Math.min(most, Math.floor(left / lanes)));
  });
  streams.frame.leave();
}

/** As many as fit, at most the given number; not three of four, which would leave one over. @returns how many */
function emitFitting(code: Encoder, emit: Emit, lanes: Lanes, most: number): number {
  const mark = code.mark();
  for (let vectors = most; vectors > 1; vectors = vectors === 4 ? 2 : vectors - 1) {
    if (emit(lanes, vectors)) return vectors;
    code.reset(mark);
  }
  emit(lanes, 1);
  return 1;
}

/** Loops that leave out iterations: the fewer lanes a vector has, the more. */
function hasParts(body: readonly Instruction[]): boolean {
  return body.some(
    (instruction) => instruction.op === 'loop' && (instruction.part !== undefined || hasParts(instruction.body)),
  );
}

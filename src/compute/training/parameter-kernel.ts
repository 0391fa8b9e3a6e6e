/**
 * The optimizer's kernel on parameters, wherever they are: in place where they are in its memory. Those that are arrays
 * outside go through a small memory, piece by piece: copied in, worked on, copied out. That changes no number but the
 * sum of squares, which is the sum of those of the pieces, whose length is fixed: the same bits at every run.
 */
import { loadOptimizerKernel, type OptimizerKernel } from './optimizer-kernel.ts';
import {
  padded,
  stagingMemory,
  type Kind,
  type ParameterBuffers,
  type ParameterMemory,
  type Place,
} from './parameter-memory.ts';

/** What an update takes besides the buffers; see the kernel for the arithmetic. */
export interface UpdateNumbers {
  clip: number;
  beta1: number;
  beta2: number;
  rate: number;
  inverseCorrection2: number;
  epsilon: number;
  decay: number;
}

/** Elements: all that the kernel touches of a piece is 1 MiB, which stays in cache. Part of what is computed. */
const PIECE = 2 ** 16;

/** @param mask byte offset; 0 without one */
type Work = (kernel: OptimizerKernel, at: Place['at'], mask: number, length: number) => void;

export class ParameterKernel {
  /** By memory. */
  readonly #kernels: readonly OptimizerKernel[];
  readonly #staging: Staging | undefined;

  /** @param file path of optimizer.wasm as built by build/build.js */
  constructor({ memories, parameters }: ParameterMemory, file: string | URL) {
    this.#kernels = memories.map((memory) => loadOptimizerKernel(memory, file));
    if (parameters.some(({ place }) => place === undefined)) this.#staging = new Staging(file);
  }

  /** Masks the gradient. @returns the sum of its squares */
  maskAndSquare(parameter: ParameterBuffers): number {
    let squares = 0;
    this.#work(parameter, ['gradient'], parameter.masked ? ['gradient'] : [], (kernel, at, mask, length) => {
      squares += kernel.maskAndSquare(at.gradient, mask, length);
    });
    return squares;
  }

  /** Adds a share of a micro-batch's gradient to that of the training step. */
  accumulate(parameter: ParameterBuffers, share: number): void {
    this.#work(parameter, ['gradient', 'part'], ['gradient'], (kernel, at, _, length) =>
      kernel.accumulate(at.gradient, at.part, share, length),
    );
  }

  /** Takes the optimizer's step with the gradient. */
  update(parameter: ParameterBuffers, numbers: UpdateNumbers): void {
    const { clip, beta1, beta2, rate, inverseCorrection2, epsilon, decay } = numbers;
    const state = ['weight', 'first', 'second'] as const;
    this.#work(parameter, [...state, 'gradient'], state, (kernel, at, mask, length) =>
      kernel.adamw(
        ...([at.weight, at.gradient, at.first, at.second, mask, length] as const),
        ...([clip, beta1, beta2, rate, inverseCorrection2, epsilon, decay] as const),
      ),
    );
  }

  #work(parameter: ParameterBuffers, read: readonly Floats[], written: readonly Floats[], work: Work): void {
    const { place, masked } = parameter;
    if (place === undefined) this.#staging!.work(parameter, read, written, work);
    else work(this.#kernels[place.memory]!, place.at, masked ? place.at.mask : 0, place.padded);
  }
}

type Floats = Exclude<Kind, 'mask'>;

/** The memory through which pieces go. */
class Staging {
  readonly #buffer: ArrayBuffer;
  readonly #at: Place['at'];
  readonly #kernel: OptimizerKernel;

  constructor(file: string | URL) {
    const { memory, at } = stagingMemory(PIECE);
    this.#buffer = memory.buffer;
    this.#at = at;
    this.#kernel = loadOptimizerKernel(memory, file);
  }

  work(parameter: ParameterBuffers, read: readonly Floats[], written: readonly Floats[], work: Work): void {
    for (let start = 0; start < parameter.length; start += PIECE) {
      const end = Math.min(start + PIECE, parameter.length);
      const length = padded(end - start);
      for (const kind of read)
        this.#piece(kind, length)
          .fill(0, end - start)
          .set(parameter[kind].subarray(start, end));
      if (parameter.masked) this.#mask().set(parameter.mask.subarray(start / 8, Math.ceil(end / 8)));
      work(this.#kernel, this.#at, parameter.masked ? this.#at.mask : 0, length);
      for (const kind of written) parameter[kind].set(this.#piece(kind, end - start), start);
    }
  }

  #piece(kind: Floats, length: number): Float32Array {
    return new Float32Array(this.#buffer, this.#at[kind], length);
  }

  #mask(): Uint8Array {
    return new Uint8Array(this.#buffer, this.#at.mask, PIECE / 8);
  }
}

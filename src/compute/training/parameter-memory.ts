/**
 * WebAssembly memory for everything that a training step updates: weights, gradients, two moments and masks (a bit per
 * weight) of every parameter, and where gradients are summed over micro-batches, those of one micro-batch. The
 * runtime's inputs and outputs and the kernel work on the same bytes. A memory ends at 4 GiB, so a large model has
 * several; all of a parameter is in one of them.
 */
import { packBits, packedLength } from '../../base/packed-bits.ts';
import { elementCount } from '../../base/element-count.ts';
import { SwpError } from '../../base/failure.ts';

export interface ParameterSpec {
  name: string;
  shape: readonly number[];
  /** Whether decoupled weight decay applies. */
  decay: boolean;
}

export interface ParameterBuffers extends ParameterSpec {
  /** Elements, and elements with padding. */
  length: number;
  padded: number;
  weight: Float32Array;
  gradient: Float32Array;
  first: Float32Array;
  second: Float32Array;
  /** Bits, 1 = kept, in force while `masked`: [packedLength(length)]. */
  mask: Uint8Array;
  /** The gradient of one micro-batch, where a training step has several; else it is `gradient`. */
  part: Float32Array;
  /** Which of the memories they are in. */
  memory: number;
  /** Byte offsets of the buffers above. */
  at: Record<Kind, number>;
  masked: boolean;
}

/** The kernel's module may keep data of its own in the first bytes. */
const RESERVED_BYTES = 65_536;
const PAGE_BYTES = 65_536;
/** What WebAssembly can address. */
const LARGEST_BYTES = 2 ** 32;
/** A cache line: 16 floats. */
const ALIGNMENT = 16;
const KINDS = ['weight', 'gradient', 'first', 'second', 'mask'] as const;
type Kind = (typeof KINDS)[number] | 'part';

export class ParameterMemory {
  readonly memories: readonly WebAssembly.Memory[];
  readonly parameters: readonly ParameterBuffers[];
  readonly #byName: ReadonlyMap<string, ParameterBuffers>;

  /**
   * @param parts whether a training step has several micro-batches
   * @param largest bytes of a memory
   * @throws SwpError of kind `unavailable` if one parameter and its state exceed a memory, or all of them the machine's
   */
  constructor(
    specs: readonly ParameterSpec[],
    { parts = false, largest = LARGEST_BYTES }: { parts?: boolean; largest?: number } = {},
  ) {
    const kinds: readonly Kind[] = parts ? [...KINDS, 'part'] : KINDS;
    const bytesOf = ({ shape }: ParameterSpec) =>
      4 * kinds.reduce((sum, kind) => sum + floatsOf(kind, elementCount(shape)), 0);
    const sizes: number[] = [];
    const memoryOf = specs.map((spec) => {
      const bytes = bytesOf(spec);
      if (RESERVED_BYTES + bytes > largest) throw tooLarge(spec, bytes, largest);
      if (sizes.length === 0 || sizes.at(-1)! + bytes > largest) sizes.push(RESERVED_BYTES);
      sizes[sizes.length - 1]! += bytes;
      return sizes.length - 1;
    });
    this.memories = allocate(sizes);
    const offsets = sizes.map(() => RESERVED_BYTES);
    this.parameters = specs.map((spec, index) => {
      const memory = memoryOf[index]!;
      const { buffer } = this.memories[memory]!;
      const length = elementCount(spec.shape);
      const buffers = kinds.map((kind) => {
        const at = offsets[memory]!;
        offsets[memory]! += floatsOf(kind, length) * 4;
        return [kind, at] as const;
      });
      const at = Object.fromEntries(buffers) as ParameterBuffers['at'];
      if (!parts) at.part = at.gradient;
      const view = (kind: Kind) => new Float32Array(buffer, at[kind], length);
      return {
        ...spec,
        length,
        padded: padded(length),
        memory,
        at,
        masked: false,
        weight: view('weight'),
        gradient: view('gradient'),
        first: view('first'),
        second: view('second'),
        mask: new Uint8Array(buffer, at.mask, packedLength(length)),
        part: view('part'),
      };
    });
    this.#byName = new Map(this.parameters.map((parameter) => [parameter.name, parameter]));
  }

  /** Of all memories together. */
  get bytes(): number {
    return this.memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  }

  /** Of all parameters, by name. */
  get shapes(): ReadonlyMap<string, readonly number[]> {
    return new Map(this.parameters.map(({ name, shape }) => [name, shape]));
  }

  parameter(name: string): ParameterBuffers {
    const found = this.#byName.get(name);
    if (found === undefined) throw new Error(`There is no parameter ${name}.`);
    return found;
  }

  /** Puts a mask (1 = kept) in force: the weights it hides become exactly 0, and so do their moments. */
  setMask(name: string, mask: ArrayLike<number>): void {
    const parameter = this.parameter(name);
    if (mask.length !== parameter.length)
      throw new Error(`The mask of ${name} has ${mask.length} elements, not ${parameter.length}.`);
    parameter.masked = true;
    parameter.mask.set(packBits(mask));
    for (let index = 0; index < parameter.length; index++) {
      if (mask[index] !== 0) continue;
      parameter.weight[index] = 0;
      parameter.first[index] = 0;
      parameter.second[index] = 0;
    }
  }

  clearMasks(): void {
    for (const parameter of this.parameters) parameter.masked = false;
  }

  resetMoments(): void {
    for (const { first, second } of this.parameters) {
      first.fill(0);
      second.fill(0);
    }
  }

  /** The first weight that a mask should hold at zero but does not: undefined when the invariant holds. */
  maskViolation(): { name: string; index: number; value: number } | undefined {
    for (const { name, masked, mask, weight, length } of this.parameters) {
      if (!masked) continue;
      for (let index = 0; index < length; index++)
        if (weight[index] !== 0 && ((mask[index >>> 3]! >>> (index & 7)) & 1) === 0)
          return { name, index, value: weight[index]! };
    }
    return undefined;
  }
}

function allocate(sizes: readonly number[]): WebAssembly.Memory[] {
  try {
    return sizes.map((size) => {
      const pages = Math.ceil(size / PAGE_BYTES);
      return new WebAssembly.Memory({ initial: pages, maximum: pages });
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const total = sizes.reduce((sum, size) => sum + size, 0);
    throw new SwpError(
      {
        kind: 'unavailable',
        what: `${gibibytes(total)} of memory`,
        message: `Weights, gradients and moments of the model take ${gibibytes(total)}, which the system does not give`,
        remedy: 'Train on a machine with more memory, or a smaller model.',
      },
      { cause: error },
    );
  }
}

function tooLarge({ name, shape }: ParameterSpec, bytes: number, largest: number): SwpError {
  return new SwpError({
    kind: 'unavailable',
    what: `training of ${name}`,
    message: `${name} [${shape.join(', ')}] with its gradient and moments takes ${gibibytes(bytes)}, and swp trains tensors of up to ${gibibytes(largest)} with them`,
    remedy: 'Train a smaller model; evaluation and detection have no such limit.',
  });
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** How much of the memory a buffer of a parameter takes. */
function floatsOf(kind: Kind, length: number): number {
  return padded(kind === 'mask' ? Math.ceil(length / 32) : length);
}

function padded(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

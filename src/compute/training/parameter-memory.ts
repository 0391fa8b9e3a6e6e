/**
 * Memory for everything that a training step updates: weights, gradients, two moments and masks (a bit per weight) of
 * every parameter, and where gradients are summed over micro-batches, those of one micro-batch. It is WebAssembly
 * memory: the runtime's inputs and outputs and the kernel work on the same bytes. A memory ends at 4 GiB, so a large
 * model has several; all of a parameter is in one of them, or, if that is too much for one, in arrays of its own, of
 * which the kernel gets piece by piece (parameter-kernel.ts).
 */
import { constants } from 'node:buffer';
import { packBits, packedLength } from '../../base/packed-bits.ts';
import { elementCount } from '../../base/element-count.ts';
import { SwpError } from '../../base/failure.ts';
import { quantityText } from '../../base/quantity-text.ts';

export interface ParameterSpec {
  name: string;
  shape: readonly number[];
  /** Whether decoupled weight decay applies. */
  decay: boolean;
}

export interface ParameterBuffers extends ParameterSpec {
  /** Elements. */
  length: number;
  weight: Float32Array;
  gradient: Float32Array;
  first: Float32Array;
  second: Float32Array;
  /** Bits, 1 = kept, in force while `masked`: [packedLength(length)]. */
  mask: Uint8Array;
  /** The gradient of one micro-batch, where a training step has several; else it is `gradient`. */
  part: Float32Array;
  /** Where in the memories they are; undefined if they are arrays outside. */
  place: Place | undefined;
  masked: boolean;
}

/** Where the buffers of a parameter are, or a piece of them. */
export interface Place {
  /** Which of the memories. */
  memory: number;
  /** Byte offsets. */
  at: Readonly<Record<Kind, number>>;
  /** Elements with padding, which is zero. */
  padded: number;
}

/** The kernel's module may keep data of its own in the first bytes. */
const RESERVED_BYTES = 65_536;
const PAGE_BYTES = 65_536;
/** What WebAssembly can address. */
const LARGEST_BYTES = 2 ** 32;
/** What one array can have: all are read and written as bytes. */
const LARGEST_ARRAY_BYTES = constants.MAX_LENGTH;
/** A cache line: 16 floats. */
const ALIGNMENT = 16;
const KINDS = ['weight', 'gradient', 'first', 'second', 'mask'] as const;
export type Kind = (typeof KINDS)[number] | 'part';

export class ParameterMemory {
  readonly memories: readonly WebAssembly.Memory[];
  readonly parameters: readonly ParameterBuffers[];
  /** Of all together. */
  readonly bytes: number;
  readonly #byName: ReadonlyMap<string, ParameterBuffers>;

  /**
   * @param parts whether a training step has several micro-batches
   * @param largest bytes of a memory
   * @throws SwpError of kind `unavailable` if a parameter exceeds an array, or all of them the machine's memory
   */
  constructor(
    specs: readonly ParameterSpec[],
    { parts = false, largest = LARGEST_BYTES }: { parts?: boolean; largest?: number } = {},
  ) {
    const kinds: readonly Kind[] = parts ? [...KINDS, 'part'] : KINDS;
    const sizes: number[] = [];
    const places = specs.map((spec): Place | undefined => {
      const length = elementCount(spec.shape);
      if (4 * length > LARGEST_ARRAY_BYTES) throw tooLarge(spec, length);
      const bytes = bytesOfAll(kinds, length);
      if (RESERVED_BYTES + bytes > largest) return undefined;
      if (sizes.length === 0 || sizes.at(-1)! + bytes > largest) sizes.push(RESERVED_BYTES);
      const start = sizes.at(-1)!;
      sizes[sizes.length - 1]! += bytes;
      return { memory: sizes.length - 1, at: offsetsFrom(start, kinds, length), padded: padded(length) };
    });
    const outside = specs.filter((_, index) => places[index] === undefined).map(({ shape }) => elementCount(shape));
    const byArray = outside.map((length) => bytesOfAll(kinds, length));
    this.bytes = [...sizes, ...byArray].reduce((sum, size) => sum + size, 0);
    [this.memories, this.parameters] = allocated(this.bytes, () => {
      const memories = sizes.map(newMemory);
      return [memories, specs.map((spec, index) => buffersOf(spec, memories, places[index], kinds))];
    });
    this.#byName = new Map(this.parameters.map((parameter) => [parameter.name, parameter]));
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

/** A memory for the buffers of one parameter of so many elements, and their places. */
export function stagingMemory(length: number): { memory: WebAssembly.Memory; at: Place['at'] } {
  const kinds: readonly Kind[] = [...KINDS, 'part'];
  const memory = newMemory(RESERVED_BYTES + bytesOfAll(kinds, length));
  return { memory, at: offsetsFrom(RESERVED_BYTES, kinds, length) };
}

function newMemory(bytes: number): WebAssembly.Memory {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  return new WebAssembly.Memory({ initial: pages, maximum: pages });
}

function buffersOf(
  spec: ParameterSpec,
  memories: readonly WebAssembly.Memory[],
  place: Place | undefined,
  kinds: readonly Kind[],
): ParameterBuffers {
  const length = elementCount(spec.shape);
  const floats = (kind: Kind) =>
    place === undefined
      ? new Float32Array(length)
      : new Float32Array(memories[place.memory]!.buffer, place.at[kind], length);
  const gradient = floats('gradient');
  return {
    ...spec,
    length,
    place,
    masked: false,
    weight: floats('weight'),
    gradient,
    first: floats('first'),
    second: floats('second'),
    mask:
      place === undefined
        ? new Uint8Array(packedLength(length))
        : new Uint8Array(memories[place.memory]!.buffer, place.at.mask, packedLength(length)),
    part: kinds.includes('part') ? floats('part') : gradient,
  };
}

/** @param allocate throws RangeError where there is not so much memory */
function allocated<Result>(bytes: number, allocate: () => Result): Result {
  try {
    return allocate();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SwpError(
      {
        kind: 'unavailable',
        what: 'this training',
        message: `Weights, gradients and moments of the model take ${quantityText(bytes, 'B')}, and the system refuses the memory`,
        // WebAssembly reserves address space far beyond what it uses, which only a limit of address space counts.
        remedy:
          'If `ulimit -v` limits the address space, lift the limit: WebAssembly reserves some 10 GB beyond what it uses. Otherwise train on a machine with more memory, or a smaller model.',
      },
      { cause: error },
    );
  }
}

function tooLarge({ name, shape }: ParameterSpec, length: number): SwpError {
  return new SwpError({
    kind: 'unavailable',
    what: `training of ${name}`,
    message: `${name} [${shape.join(', ')}] takes ${quantityText(4 * length, 'B')}, and with this Node.js swp trains tensors of up to ${quantityText(LARGEST_ARRAY_BYTES, 'B')}`,
    remedy: 'Train with a later Node.js, or a smaller model.',
  });
}

/** Byte offsets of the buffers of a parameter, one after the other. */
function offsetsFrom(start: number, kinds: readonly Kind[], length: number): Place['at'] {
  let next = start;
  const offsets = kinds.map((kind) => {
    const at = next;
    next += 4 * floatsOf(kind, length);
    return [kind, at] as const;
  });
  const at = Object.fromEntries(offsets) as Place['at'];
  return kinds.includes('part') ? at : { ...at, part: at.gradient };
}

function bytesOfAll(kinds: readonly Kind[], length: number): number {
  return 4 * kinds.reduce((sum, kind) => sum + floatsOf(kind, length), 0);
}

/** How much of the memory a buffer of a parameter takes. */
function floatsOf(kind: Kind, length: number): number {
  return padded(kind === 'mask' ? Math.ceil(length / 32) : length);
}

/** Elements of a buffer with padding. */
export function padded(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

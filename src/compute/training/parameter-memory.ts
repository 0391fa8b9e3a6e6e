/**
 * One WebAssembly memory for everything that a training step updates: weights, gradients, two moments and masks (a bit
 * per weight) of every parameter, and where gradients are summed over micro-batches, those of one micro-batch. The
 * runtime's inputs and outputs and the kernel work on the same bytes.
 */
import { packBits, packedLength } from '../../base/packed-bits.ts';
import { elementCount } from '../../base/element-count.ts';

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
  /** Byte offsets of the buffers above. */
  at: Record<Kind, number>;
  masked: boolean;
}

/** The kernel's module may keep data of its own in the first bytes. */
const RESERVED_BYTES = 65_536;
const PAGE_BYTES = 65_536;
/** A cache line: 16 floats. */
const ALIGNMENT = 16;
const KINDS = ['weight', 'gradient', 'first', 'second', 'mask'] as const;
type Kind = (typeof KINDS)[number] | 'part';

export class ParameterMemory {
  readonly memory: WebAssembly.Memory;
  readonly parameters: readonly ParameterBuffers[];
  readonly #byName: ReadonlyMap<string, ParameterBuffers>;

  /**
   * @param parts whether a training step has several micro-batches
   * @throws RangeError if the parameters and their state exceed WebAssembly's 4 GiB
   */
  constructor(specs: readonly ParameterSpec[], { parts = false }: { parts?: boolean } = {}) {
    const kinds: readonly Kind[] = parts ? [...KINDS, 'part'] : KINDS;
    const floats = specs.reduce(
      (total, spec) => total + kinds.reduce((sum, kind) => sum + floatsOf(kind, elementCount(spec.shape)), 0),
      0,
    );
    const pages = Math.ceil((RESERVED_BYTES + floats * 4) / PAGE_BYTES);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    let offset = RESERVED_BYTES;
    this.parameters = specs.map((spec) => {
      const length = elementCount(spec.shape);
      const buffers = kinds.map((kind) => {
        const at = offset;
        offset += floatsOf(kind, length) * 4;
        return [kind, at] as const;
      });
      const at = Object.fromEntries(buffers) as ParameterBuffers['at'];
      if (!parts) at.part = at.gradient;
      const view = (kind: Kind) => new Float32Array(this.memory.buffer, at[kind], length);
      return {
        ...spec,
        length,
        padded: padded(length),
        at,
        masked: false,
        weight: view('weight'),
        gradient: view('gradient'),
        first: view('first'),
        second: view('second'),
        mask: new Uint8Array(this.memory.buffer, at.mask, packedLength(length)),
        part: view('part'),
      };
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

/** How much of the memory a buffer of a parameter takes. */
function floatsOf(kind: Kind, length: number): number {
  return padded(kind === 'mask' ? Math.ceil(length / 32) : length);
}

function padded(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

/**
 * Where things lie in the one memory of a program: first a table of pointers, a block of them for every call, and then
 * the buffers.
 */
import { quantityText } from '../../../../base/quantity-text.ts';
import { PHASES, ProgramTooLarge, type Call, type Phase, type Program } from '../language.ts';

const BYTES = 4;
/** A cache line. */
const ALIGNMENT = 64;
const PAGE_BYTES = 65_536;
/** What 32-bit addresses reach. */
const LARGEST_BYTES = 2 ** 32;

export interface MemoryLayout {
  /** Address of each buffer. */
  buffers: readonly number[];
  /** What the memory begins with. */
  pointers: Uint32Array;
  /** Address of the block of pointers of each call. */
  calls: Readonly<Record<Phase, readonly number[]>>;
  pages: number;
}

/** @throws ProgramTooLarge */
export function layOut({ buffers, phases }: Program): MemoryLayout {
  const all = PHASES.flatMap((phase) => phases[phase]);
  const count = all.reduce((sum, { places }) => sum + places.length, 0);
  let end = aligned(count * BYTES);
  const addresses = buffers.map(({ elements }) => {
    const address = end;
    end = aligned(end + elements * BYTES);
    return address;
  });
  if (end > LARGEST_BYTES)
    throw new ProgramTooLarge(
      `The program takes ${quantityText(end, 'B')}, and WebAssembly addresses ${quantityText(LARGEST_BYTES, 'B')}.`,
    );
  const pointers = new Uint32Array(count);
  let next = 0;
  const place = ({ places }: Call) => {
    const block = next * BYTES;
    for (const { buffer, offset } of places) pointers[next++] = addresses[buffer]! + offset * BYTES;
    return block;
  };
  const calls = { before: phases.before.map(place), each: phases.each.map(place), after: phases.after.map(place) };
  return { buffers: addresses, pointers, calls, pages: Math.max(1, Math.ceil(end / PAGE_BYTES)) };
}

function aligned(address: number): number {
  return Math.ceil(address / ALIGNMENT) * ALIGNMENT;
}

/** @throws ProgramTooLarge that says what is missing, where the system refuses so much */
export function allocate({ pages }: MemoryLayout): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    // WebAssembly reserves address space far beyond what it uses, which only a limit of address space counts.
    throw new ProgramTooLarge(
      `The system refuses ${quantityText(pages * PAGE_BYTES, 'B')} of memory for WebAssembly. If \`ulimit -v\` limits ` +
        'the address space, lift the limit: WebAssembly reserves some 10 GB beyond what it uses.',
      { cause: error },
    );
  }
}

/** Memory beside pages that cannot be accessed: whoever reads or writes outside of it ends the process. */
import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';

const PAGE = 4096;
const NO_ACCESS = 0;
const READ_WRITE = 3;
const PRIVATE_ANONYMOUS = 0x22;

const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
const program = koffi.load(null);
const map = program.func('uintptr_t mmap(void *, size_t, int, int, int, int64_t)');
const protect = program.func('int mprotect(uintptr_t, size_t, int)');

/** Memory is never given back: a test's process ends soon. */
export function guardedMemory(elements: number, side: 'before' | 'behind'): Float32Array {
  const bytes = elements * 4;
  const pages = Math.max(1, Math.ceil(bytes / PAGE));
  const all = map(null, (pages + 2) * PAGE, NO_ACCESS, PRIVATE_ANONYMOUS, -1, 0) as number;
  const first = all + PAGE;
  if (protect(first, pages * PAGE, READ_WRITE) !== 0) throw new Error('mprotect failed');
  const begin = side === 'before' ? first : first + pages * PAGE - bytes;
  return new Float32Array(koffi.view(BigInt(begin), Math.max(4, bytes)), 0, elements);
}

/** Finds out what the C library in a package's `deps/lib` supports, without loading it. */
import { closeSync, openSync, readdirSync, readSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

/** A function of the CUDA driver: builds with GPU support name it, others never do (seen in 2.15.1 of both kinds). */
const MARK = Buffer.from('cuInit');
const CHUNK_BYTES = 1 << 24;

/**
 * Whether the library was built for GPUs; it takes about half a second to read through one that was not.
 * @param packageDirectory folder of @tensorflow/tfjs-node-gpu
 */
export function hasGpuSupport(packageDirectory: string): boolean {
  return libraries(join(packageDirectory, 'deps', 'lib')).some((file) => contains(file, MARK));
}

/** Each once, though it has several names. */
function libraries(directory: string): string[] {
  try {
    const files = readdirSync(directory).filter((file) => file.includes('tensorflow'));
    return [...new Set(files.map((file) => realpathSync(join(directory, file))))];
  } catch {
    return []; // the library is somewhere else on the system
  }
}

function contains(file: string, mark: Buffer): boolean {
  const descriptor = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(mark.length + CHUNK_BYTES);
    // The end of the chunk before stays in front, in case the mark lies across.
    for (let read = 0; (read = readSync(descriptor, buffer, mark.length, CHUNK_BYTES, null)) > 0;) {
      const filled = buffer.subarray(0, mark.length + read);
      if (filled.includes(mark)) return true;
      filled.copy(buffer, 0, read);
    }
    return false;
  } finally {
    closeSync(descriptor);
  }
}

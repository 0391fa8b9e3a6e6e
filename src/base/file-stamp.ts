/** A file's stamp: as long as it is the same, the file's content need not be read again. */
import { statSync } from 'node:fs';
import { fileFailure } from './file-failure.ts';

/**
 * Device, inode, size, and the times of the last write and of the last change of any kind, in nanoseconds.
 * @throws SwpError of kind `file`
 */
export function stampOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    throw fileFailure(error, path, 'read');
  }
}

/** The same for a file that may be missing, or that cannot be read: whoever reads it meets the error. */
export function stampIfThere(path: string): string {
  try {
    return stampOf(path);
  } catch {
    return 'none';
  }
}

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

/**
 * How a file's state differs from an earlier one.
 * @param stamp of the file as it was
 * @returns words that follow its name, such as "has 10 bytes instead of 12"; undefined for the same stamp
 */
export function changeSince(stamp: string, path: string): string | undefined {
  const now = stampIfThere(path);
  if (now === stamp) return undefined;
  if (now === 'none') return 'is gone';
  const [[device, inode, size, written], [deviceNow, inodeNow, sizeNow, writtenNow]] = [stamp, now].map((each) =>
    each.split(':'),
  ) as [string[], string[]];
  if (size !== sizeNow) return `has ${sizeNow} bytes instead of ${size}`;
  if (device !== deviceNow || inode !== inodeNow) return 'is another file of the same size';
  return written === writtenNow ? TOUCHED : 'was written to';
}

/** A change of name, links, owner or permissions, and of no byte unless somebody set the clock back. */
export const TOUCHED = 'was moved, linked or given other permissions';

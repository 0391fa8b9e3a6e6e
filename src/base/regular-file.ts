/**
 * Files in folders where others may write, too. What is read is a regular file of bounded size: a link is not followed,
 * a FIFO does not block, a device does not fill the memory. What is created is new, and whoever created it writes
 * through its descriptor: by name, it would be written to whatever another has put there meanwhile.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';

const { O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY, O_WRONLY } = constants;

/** No file that swp keeps beside artifacts comes near this. */
const MOST_BYTES = 1 << 28;

/** Codes of `readRegularFile` that say: there is something in the file's place which swp never put there. */
const FOREIGN = ['ELOOP', 'EMLINK', 'EISDIR', 'EFTYPE'];

/** Whether a file could not be read because it is a link, a folder, a FIFO, a device, or impossibly large. */
export function isForeign(error: unknown): boolean {
  return FOREIGN.includes((error as NodeJS.ErrnoException).code ?? '');
}

/**
 * @param follow whether it may be a link: one that the user named may, one in a shared folder may not
 * @returns its descriptor, which the caller closes
 * @throws an error of the file system
 */
export function openRegularFile(path: string, { follow = false } = {}): { file: number; found: Stats } {
  const file = openToRead(path, O_RDONLY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
  try {
    const found = fstatSync(file);
    if (found.isFile()) return { file, found };
    throw codedError(found.isDirectory() ? 'EISDIR' : 'EFTYPE', path);
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function openToRead(path: string, flags: number): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    const isSocket = ['ENXIO', 'ENODEV', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? '');
    throw isSocket ? codedError('EFTYPE', path) : error;
  }
}

/** @throws an error of the file system; see `isForeign` */
export function readRegularFile(path: string, limit = MOST_BYTES): Buffer {
  const { file, found } = openRegularFile(path);
  try {
    if (found.size > limit) throw codedError('EFTYPE', path);
    // One byte more than there should be: a file that grows meanwhile is read no further than that.
    const content = Buffer.allocUnsafe(found.size + 1);
    let length = 0;
    for (let read = 1; read > 0 && length <= found.size; length += read)
      read = readSync(file, content, length, content.length - length, length);
    return content.subarray(0, Math.min(length, found.size));
  } finally {
    closeSync(file);
  }
}

/** The same as text. */
export function readRegularText(path: string): string {
  return readRegularFile(path).toString('utf8');
}

/**
 * A new file to write.
 * @returns its descriptor, which the caller closes
 * @throws EEXIST if there is anything of that name, be it a link that leads nowhere
 */
export function createFile(path: string, mode = 0o664): number {
  return openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
}

function codedError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: no regular file, or too large, '${path}'`), { code, path });
}

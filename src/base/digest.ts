/** SHA-256 digests, hexadecimal, of JSON values and of files: what keys and artifacts are named by. */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, readFileSync } from 'node:fs';
import { fileFailure } from './file-failure.ts';
import { canonicalJson, type JsonValue } from './json.ts';
import { openRegularFile } from './regular-file.ts';

/**
 * @returns SHA-256 of the RFC 8785 canonical JSON
 * @throws Error for a value that JSON cannot hold, such as NaN
 */
export function digestJson(value: JsonValue): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** Files up to this size are read at once, which is much quicker than a stream. */
const SMALL_BYTES = 1 << 16;

/**
 * @param options.follow false where the file lies in a folder in which others may write: it must not be a link then
 * @throws SwpError of kind `file`, also for what is no regular file
 */
export async function digestFile(path: string, { follow = true } = {}): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    const { file, found } = openRegularFile(path, { follow });
    try {
      if (found.size <= SMALL_BYTES) {
        const content = readFileSync(file);
        return { sha256: hash.update(content).digest('hex'), bytes: content.length };
      }
      const stream = createReadStream(path, { fd: file, autoClose: false, highWaterMark: 1 << 20 });
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        hash.update(chunk);
        bytes += chunk.length;
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw fileFailure(error, path, 'read');
  }
  return { sha256: hash.digest('hex'), bytes };
}

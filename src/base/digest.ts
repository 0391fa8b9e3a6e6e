/** SHA-256 digests, hexadecimal, of JSON values and of files: what keys and artifacts are named by. */
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { fileFailure } from './file-failure.ts';
import { canonicalJson, type JsonValue } from './json.ts';

/**
 * @returns SHA-256 of the RFC 8785 canonical JSON
 * @throws Error for a value that JSON cannot hold, such as NaN
 */
export function digestJson(value: JsonValue): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** Files up to this size are read at once, which is much quicker than a stream. */
const SMALL_BYTES = 1 << 16;

/** @throws SwpError of kind `file` */
export async function digestFile(path: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    if (statSync(path).size <= SMALL_BYTES) {
      const content = readFileSync(path);
      return { sha256: hash.update(content).digest('hex'), bytes: content.length };
    }
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (error) {
    throw fileFailure(error, path, 'read');
  }
  return { sha256: hash.digest('hex'), bytes };
}

/**
 * Reads a bundle that anybody may have made: nothing is written but regular files that its manifest names, of the sizes
 * that it gives, into a fresh folder, and never more than a limit.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { finished } from 'node:stream/promises';
import { createTarDecoder, type ParsedTarEntry } from 'modern-tar';
import { fileFailure } from '../base/file-failure.ts';
import { SwpError } from '../base/failure.ts';
import { compressionOf } from './compression.ts';
import { bundleId, MANIFEST, parseManifest, refusal, type Manifest } from './manifest.ts';

export interface UnpackedBundle {
  manifest: Manifest;
  id: string;
  /** SHA-256 of each file as it came, by name; a file that the manifest names and that is not there is missing here. */
  digests: Map<string, string>;
}

/** A manifest names some hundred bytes per file. */
const MOST_MANIFEST_BYTES = 1 << 26;
/** What tar adds: a header and padding per file, an end mark, and padding of the last block. */
const BYTES_PER_FILE = 1024;
const SPARE_BYTES = 1 << 16;

/**
 * @param folder an empty one
 * @param limit bytes of all files together
 * @throws SwpError of kind `content` for a file that is no archive or no bundle, or that would write what it must not;
 *   of kind `file` if it cannot be read
 */
export async function unpackBundle(file: string, folder: string, limit: number): Promise<UnpackedBundle> {
  const budget = { left: MOST_MANIFEST_BYTES };
  const source = createReadStream(file, { highWaterMark: 1 << 20 });
  const compression = compressionOf(file);
  const decompressed = compression.decompress();
  const meter = metered(budget, file);
  source.on('error', (error) => decompressed.destroy(fileFailure(error, file, 'read') as Error));
  decompressed.on('error', (error) =>
    meter.destroy(
      error instanceof SwpError
        ? error
        : refusal(file, `It is no ${compression.name} archive, or damaged: ${error.message}`),
    ),
  );
  const entries = Readable.toWeb(source.pipe(decompressed).pipe(meter)) as ReadableStream<Uint8Array>;
  try {
    return await readEntries(entries.pipeThrough(createTarDecoder({ strict: true })), { file, folder, limit, budget });
  } catch (error) {
    if (error instanceof SwpError) throw error;
    const cause = meter.errored;
    if (cause instanceof SwpError) throw cause;
    throw isFileError(error)
      ? fileFailure(error, error.path ?? folder, 'write')
      : refusal(file, `It is no tar archive, or damaged: ${(error as Error).message}`);
  } finally {
    for (const stream of [source, decompressed, meter]) stream.destroy();
  }
}

interface Reading {
  file: string;
  folder: string;
  limit: number;
  budget: { left: number };
}

async function readEntries(
  entries: ReadableStream<ParsedTarEntry>,
  { file, folder, limit, budget }: Reading,
): Promise<UnpackedBundle> {
  let bundle: UnpackedBundle | undefined;
  for await (const entry of entries as unknown as AsyncIterable<ParsedTarEntry>) {
    const { name, type = 'file', size } = entry.header;
    const shown = JSON.stringify(name.slice(0, 100));
    if (type !== 'file') throw refusal(file, `${shown} is a ${type}: a bundle holds regular files only`);
    if (bundle === undefined) {
      if (name !== MANIFEST) throw refusal(file, `It begins with ${shown} instead of ${MANIFEST}`);
      if (size > MOST_MANIFEST_BYTES) throw refusal(file, `Its ${MANIFEST} has ${size} bytes`);
      const text = Buffer.concat(await collect(entry.body));
      const manifest = parseManifest(text.toString('utf8'), file);
      const declared = Object.values(manifest.files).reduce((sum, { bytes }) => sum + bytes, 0);
      if (declared > limit)
        throw refusal(
          file,
          `Its files take ${declared} bytes, more than the ${limit} that are allowed; --max-size allows more`,
        );
      budget.left = declared + Object.keys(manifest.files).length * BYTES_PER_FILE + SPARE_BYTES;
      bundle = { manifest, id: bundleId(text), digests: new Map() };
      continue;
    }
    const expected = Object.hasOwn(bundle.manifest.files, name) ? bundle.manifest.files[name] : undefined;
    if (expected === undefined) throw refusal(file, `It holds ${shown}, which ${MANIFEST} does not name`);
    if (bundle.digests.has(name)) throw refusal(file, `It holds ${shown} twice`);
    if (size !== expected.bytes) throw refusal(file, `${shown} has ${size} bytes; ${MANIFEST} says ${expected.bytes}`);
    bundle.digests.set(name, await writeFile(entry.body, join(folder, name)));
  }
  if (bundle === undefined) throw refusal(file, 'It is empty');
  return bundle;
}

/** @returns the SHA-256 of what was written */
async function writeFile(body: ReadableStream<Uint8Array>, path: string): Promise<string> {
  mkdirSync(dirname(path), { recursive: true });
  const hash = createHash('sha256');
  const out = createWriteStream(path, { flags: 'wx', mode: 0o644 });
  try {
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      if (!out.write(chunk)) await once(out, 'drain');
    }
    out.end();
    await finished(out);
  } finally {
    out.destroy();
  }
  return hash.digest('hex');
}

async function collect(body: ReadableStream<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return chunks;
}

/** Stops a compressed archive that unpacks to more than its manifest says. */
function metered(budget: { left: number }, file: string): Transform {
  let passed = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      passed += chunk.length;
      if (passed > budget.left + MOST_MANIFEST_BYTES) done(refusal(file, `It unpacks to more than ${MANIFEST} says`));
      else done(null, chunk);
    },
  });
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return (
    typeof (error as NodeJS.ErrnoException).code === 'string' &&
    /^E[A-Z]+$/.test((error as NodeJS.ErrnoException).code!)
  );
}

/**
 * Writes a bundle: a tar of sorted names, whose times, owners and modes say nothing, compressed as its name says. The
 * same files give the same tar anywhere, and the same bytes wherever zlib and Brotli are the same.
 */
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createTarPacker } from 'modern-tar';
import { fileFailure } from '../base/file-failure.ts';
import { compressionOf } from './compression.ts';
import { MANIFEST } from './manifest.ts';

/** A file to go into the archive. */
export type Content = { bytes: number } & ({ path: string } | { text: string });

const EPOCH = new Date(0);

/**
 * @param out the archive; it appears whole or not at all
 * @param manifest its text: it comes first, so that a reader knows what to expect
 * @param files by name
 * @throws SwpError of kind `file`
 */
export async function writeArchive(out: string, manifest: string, files: ReadonlyMap<string, Content>): Promise<void> {
  // A device or a pipe is written into: what is renamed to its name would take its place.
  const isReplaced = statSync(out, { throwIfNoEntry: false })?.isFile() ?? true;
  const fresh = isReplaced ? `${out}.${randomBytes(8).toString('hex')}.part` : out;
  const { readable, controller } = createTarPacker();
  const add = async (name: string, content: Content) => {
    const body = controller
      .add({ name, size: content.bytes, mode: 0o644, mtime: EPOCH, uid: 0, gid: 0, type: 'file' })
      .getWriter();
    if ('text' in content) await body.write(Buffer.from(content.text));
    else
      for await (const chunk of createReadStream(content.path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>)
        await body.write(new Uint8Array(chunk));
    await body.close();
  };
  const pack = async () => {
    try {
      await add(MANIFEST, { text: manifest, bytes: Buffer.byteLength(manifest) });
      for (const name of [...files.keys()].sort()) await add(name, files.get(name)!);
      controller.finalize();
    } catch (error) {
      controller.error(error);
      throw error;
    }
  };
  try {
    const written = pipeline([
      Readable.fromWeb(readable as Parameters<typeof Readable.fromWeb>[0]),
      ...compressionOf(out).compress(),
      createWriteStream(fresh, { flags: isReplaced ? 'wx' : 'w' }),
    ]);
    const [packed, flushed] = await Promise.allSettled([pack(), written]);
    // A disk that refuses ends the packing, too, with a word that says less.
    for (const outcome of [flushed, packed]) if (outcome.status === 'rejected') throw outcome.reason;
    if (isReplaced) await rename(fresh, out);
  } catch (error) {
    if (isReplaced) await rm(fresh, { force: true });
    throw fileFailure(error, (error as NodeJS.ErrnoException).path ?? out, 'write');
  }
}

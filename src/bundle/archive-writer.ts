/**
 * Writes a bundle: a tar of sorted names, whose times, owners and modes say nothing, through gzip. The same files give
 * the same tar anywhere, and the same bytes wherever zlib is the same.
 */
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { createTarPacker } from 'modern-tar';
import { fileFailure } from '../base/file-failure.ts';
import { MANIFEST } from './manifest.ts';

/** A file to go into the archive. */
export type Content = { bytes: number } & ({ path: string } | { text: string });

const EPOCH = new Date(0);
/** The gzip header's "unknown" operating system (RFC 1952), so that no machine is told from another. */
const UNKNOWN_SYSTEM = 255;
const SYSTEM_BYTE = 9;

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
    const written = pipeline(
      Readable.fromWeb(readable as Parameters<typeof Readable.fromWeb>[0]),
      createGzip({ level: 6 }),
      namelessSystem(),
      createWriteStream(fresh, { flags: isReplaced ? 'wx' : 'w' }),
    );
    const [packed, flushed] = await Promise.allSettled([pack(), written]);
    // A disk that refuses ends the packing, too, with a word that says less.
    for (const outcome of [flushed, packed]) if (outcome.status === 'rejected') throw outcome.reason;
    if (isReplaced) await rename(fresh, out);
  } catch (error) {
    if (isReplaced) await rm(fresh, { force: true });
    throw fileFailure(error, (error as NodeJS.ErrnoException).path ?? out, 'write');
  }
}

function namelessSystem(): Transform {
  let first = true;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (first) chunk[SYSTEM_BYTE] = UNKNOWN_SYSTEM;
      first = false;
      done(null, chunk);
    },
  });
}

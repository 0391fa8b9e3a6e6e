/**
 * SHA-256 of large files that no stage made, kept in the user's own cache folder: a file is hashed once on a machine as
 * long as it stays as it is, whichever process or study asks. Nothing is lost with a note but the time to hash again.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { writeAtomically } from '../base/atomic-file.ts';
import { digestFile } from '../base/digest.ts';
import { stampOf } from '../base/file-stamp.ts';
import { readRegularText } from '../base/regular-file.ts';
import { openSealedJson, sealedJson } from '../base/sealed-json.ts';

/** Smaller files are hashed faster than a note is worth. */
const LARGE_BYTES = 1 << 24;
/** A file as young as this could change without its times telling. */
const YOUNG_MILLISECONDS = 2000;

export class FileDigests {
  readonly #folder: string;

  /** @param folder for the notes */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Those of this user. */
  static ofUser(): FileDigests {
    return new FileDigests(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'swp', 'digests'));
  }

  /**
   * @param path absolute
   * @throws SwpError of kind `file`
   */
  async digest(path: string): Promise<string> {
    const stamp = stampOf(path);
    const { size, mtimeMs, ctimeMs } = statSync(path);
    if (size < LARGE_BYTES) return (await digestFile(path)).sha256;
    const known = this.#read(path);
    if (known?.stamp === stamp) return known.sha256;
    const { sha256 } = await digestFile(path);
    const isOld = Date.now() - Math.max(mtimeMs, ctimeMs) > YOUNG_MILLISECONDS;
    if (isOld && stampOf(path) === stamp) await this.#write(path, { stamp, sha256 });
    return sha256;
  }

  #read(path: string): Note | undefined {
    try {
      const found = openSealedJson(readRegularText(this.#noteOf(path)));
      return found.kind === 'whole' ? (found.value as unknown as Note) : undefined;
    } catch {
      return undefined; // there is none, or none that can be read
    }
  }

  async #write(path: string, note: Note): Promise<void> {
    try {
      await writeAtomically(this.#noteOf(path), sealedJson({ path, ...note }), this.#folder, { durable: false });
    } catch {
      // No home, or a full one: the file is hashed again next time.
    }
  }

  /** A home may be shared by machines, on which one path means different files. */
  #noteOf(path: string): string {
    return join(
      this.#folder,
      `${createHash('sha256')
        .update(JSON.stringify([hostname(), path]))
        .digest('hex')}.json`,
    );
  }
}

interface Note {
  stamp: string;
  sha256: string;
}

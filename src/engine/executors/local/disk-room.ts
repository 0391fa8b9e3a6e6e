/**
 * Free disk space, shared out among jobs by what they are expected to write: one that would not fit beside what others
 * are still writing waits until they have ended. What a job has written by then counts twice meanwhile, as taken and as
 * not free, so that it is the last job that waits, and not one that fails.
 */
import { statfsSync } from 'node:fs';
import { SwpError } from '../../../base/failure.ts';
import { quantityText } from '../../../base/quantity-text.ts';
import { Room } from './room.ts';

/** What a job writes: bytes, and a folder on the file system that takes them. */
export interface ExpectedDisk {
  bytes: number;
  folder: string;
}

export class DiskRoom {
  readonly #freeBytes: (folder: string) => number;
  readonly #room = new Room();

  /** @param freeBytes of the file system of a folder, for this user */
  constructor(freeBytes = freeBytesOf) {
    this.#freeBytes = freeBytes;
  }

  /**
   * Waits for room.
   * @param place of the node, such as A1/s0/r2/train
   * @param givenUp ends the wait
   * @returns gives the room back
   * @throws SwpError of kind `unavailable` for a job that does not fit though no other one is writing
   */
  async take({ bytes, folder }: ExpectedDisk, place: string, givenUp: AbortSignal): Promise<() => void> {
    while (bytes > 0 && !givenUp.aborted) {
      const free = this.#freeBytes(folder);
      if (this.#room.taken + bytes <= free) break;
      if (this.#room.taken === 0) throw tooLarge(bytes, free, folder, place);
      await this.#room.change(givenUp);
    }
    return this.#room.take(bytes);
  }
}

function tooLarge(bytes: number, free: number, folder: string, place: string): SwpError {
  return new SwpError({
    kind: 'unavailable',
    what: place,
    message: `it would write about ${quantityText(bytes, 'B')}, and ${quantityText(free, 'B')} are free where the cache is, ${folder}`,
    remedy:
      'Make room (`swp gc --dry-run` says what may go), let the run evict as it goes (--keep last), or use a cache on another disk (--cache DIRECTORY).',
  });
}

/** Infinite where the system does not say: then the disk itself refuses. */
function freeBytesOf(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return Infinity;
  }
}

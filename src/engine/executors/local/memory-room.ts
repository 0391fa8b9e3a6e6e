/**
 * The machine's memory, shared out among jobs by what they are expected to take: one that would not fit beside the
 * others waits until they have ended. It is an estimate of each; none is ended for taking more.
 */
import { SwpError } from '../../../base/failure.ts';
import { tooLarge, type MemoryNeed } from '../../memory-need.ts';
import { Room } from './room.ts';

export class MemoryRoom {
  readonly #bytes: number;
  readonly #room = new Room();

  /** @param bytes of the machine */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /**
   * Waits for room.
   * @param need what the job is expected to take; nothing if it is not known
   * @param place of the node, such as A1/s0/r2/train
   * @param givenUp ends the wait
   * @returns gives the room back
   * @throws SwpError of kind `unavailable` for a job that does not fit by itself
   */
  async take(need: MemoryNeed | undefined, place: string, givenUp: AbortSignal): Promise<() => void> {
    const bytes = need?.bytes ?? 0;
    if (bytes > this.#bytes) throw new SwpError(await tooLarge(place, need!, this.#bytes));
    while (this.#room.taken + bytes > this.#bytes && !givenUp.aborted) await this.#room.change(givenUp);
    return this.#room.take(bytes);
  }
}

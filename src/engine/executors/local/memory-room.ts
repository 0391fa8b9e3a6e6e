/**
 * The machine's memory, shared out among jobs by what they are expected to take: one that would not fit beside the
 * others waits until they have ended. It is an estimate of each; none is ended for taking more.
 */
import { SwpError } from '../../../base/failure.ts';
import { tooLarge, type MemoryNeed } from '../../memory-need.ts';

export class MemoryRoom {
  readonly #bytes: number;
  #taken = 0;
  #waiting: (() => void)[] = [];

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
    while (this.#taken + bytes > this.#bytes && !givenUp.aborted)
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        givenUp.addEventListener('abort', () => resolve(), { once: true });
      });
    this.#taken += bytes;
    return () => {
      this.#taken -= bytes;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const look of waiting) look();
    };
  }
}

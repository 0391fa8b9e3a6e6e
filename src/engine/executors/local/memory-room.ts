/**
 * The machine's memory, shared out among jobs by what they are expected to take: one that would not fit beside the
 * others waits until they have ended. It is an estimate of each; none is ended for taking more.
 */
import { SwpError } from '../../../base/failure.ts';

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
   * @param place of the node, such as A1/s0/r2/train
   * @param givenUp ends the wait
   * @returns gives the room back
   * @throws SwpError of kind `unavailable` for a job that does not fit by itself
   */
  async take(bytes: number, place: string, givenUp: AbortSignal): Promise<() => void> {
    if (bytes > this.#bytes)
      throw new SwpError({
        kind: 'unavailable',
        what: place,
        message: `it would take about ${gigabytes(bytes)} of memory, and this machine has ${gigabytes(this.#bytes)}`,
        remedy:
          'Make its batchSize or sequenceLength smaller, set microBatchSize for a training, or use a larger machine.',
      });
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

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

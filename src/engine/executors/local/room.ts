/** Room that jobs take for as long as they run: one that would not fit beside the others waits until some has ended. */
export class Room {
  #taken = 0;
  #waiting: (() => void)[] = [];

  /** Bytes that jobs hold now. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Waits for the next job that gives its room back.
   * @param givenUp ends the wait
   */
  async change(givenUp: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = () => {
        givenUp.removeEventListener('abort', look); // a job may look many times before it fits
        resolve();
      };
      this.#waiting.push(look);
      givenUp.addEventListener('abort', look);
    });
  }

  /** @returns gives the bytes back */
  take(bytes: number): () => void {
    this.#taken += bytes;
    return () => {
      this.#taken -= bytes;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const look of waiting) look();
    };
  }
}

/** Time, behind a small interface, so that what waits and what judges by time can be tested without waiting. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds that only grow, whatever happens to the wall clock; of no meaning in another process. */
  monotonic(): number;
  /** Wall-clock time, for people: never compared. */
  now(): Date;
  /** Resolves after the given milliseconds, or at once when the signal is aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Calls back at this interval until it is disposed of. It does not keep the process alive. */
  repeat(milliseconds: number, action: () => void): Disposable;
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  now: () => new Date(),
  sleep: (milliseconds, signal) =>
    sleep(milliseconds, undefined, signal && { signal }).catch((error: Error) => {
      if (error.name !== 'AbortError') throw error;
    }),
  repeat: (milliseconds, action) => {
    const timer = setInterval(action, milliseconds).unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  },
};

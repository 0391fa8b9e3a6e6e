/** A clock that stands still until a test moves it. */
import type { Clock } from '../../src/base/clock.ts';

export class ManualClock implements Clock {
  #time = 0;
  #wall = Date.parse('2026-01-01T00:00:00Z');
  readonly #sleepers = new Set<{ until: number; wake: () => void }>();

  monotonic(): number {
    return this.#time;
  }

  now(): Date {
    return new Date(this.#wall);
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper = { until: this.#time + milliseconds, wake };
      if (signal?.aborted === true) return resolve();
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  repeat(milliseconds: number, action: () => void): Disposable {
    let isOver = false;
    void (async () => {
      for (;;) {
        await this.sleep(milliseconds);
        if (isOver) return;
        action();
      }
    })();
    return { [Symbol.dispose]: () => void (isOver = true) };
  }

  /** Lets time pass, and wakes the sleepers whose time is over. */
  advance(milliseconds: number): void {
    this.#time += milliseconds;
    this.#wall += milliseconds;
    for (const sleeper of [...this.#sleepers].sort((a, b) => a.until - b.until))
      if (sleeper.until <= this.#time) sleeper.wake();
  }

  /** Changes the wall clock alone, as somebody does who sets it. */
  jump(milliseconds: number): void {
    this.#wall += milliseconds;
  }
}

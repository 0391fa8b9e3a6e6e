/**
 * Several processes in virtual time: whatever one of them does takes a random while, so that every seed is another
 * order of events. A process may be killed or stand still for a time, and each one's clock tells another hour.
 */
import type { Clock } from '../../src/base/clock.ts';

/** @returns numbers from 0 to 1, the same ones for the same seed (mulberry32) */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface VirtualProcess {
  isKilled: boolean;
  /** Until then nothing happens in it, as after SIGSTOP. */
  stillUntil: number;
}

interface Event {
  at: number;
  process: VirtualProcess | undefined;
  act: () => void;
}

export class VirtualTime {
  /** Milliseconds since the beginning. */
  now = 0;
  steps = 0;
  readonly #random: () => number;
  readonly #events = new Set<Event>();

  constructor(random: () => number) {
    this.#random = random;
  }

  /** @returns what forgets it */
  after(milliseconds: number, act: () => void, process?: VirtualProcess): () => void {
    const event = { at: this.now + milliseconds, process, act };
    this.#events.add(event);
    return () => void this.#events.delete(event);
  }

  /** Takes the time that an operation on a file takes: nearly always little. */
  operate(process: VirtualProcess): Promise<void> {
    const draw = this.#random();
    return new Promise((resolve) => this.after(draw < 0.02 ? draw * 1_000 : draw * 2, resolve, process));
  }

  /** A clock of one process. */
  clock(process: VirtualProcess): Clock {
    const offset = this.#random() * 1e9;
    return {
      monotonic: () => this.now + offset,
      now: () => new Date(1e12 + this.now + offset * 50),
      sleep: (milliseconds, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted === true) return void this.after(0, resolve, process);
          const wake = () => (signal?.removeEventListener('abort', onAbort), resolve());
          const forget = this.after(milliseconds, wake, process);
          const onAbort = () => (forget(), void this.after(0, resolve, process));
          signal?.addEventListener('abort', onAbort);
        }),
      repeat: (milliseconds, act) => {
        let forget = () => {};
        const again = () => (act(), (forget = this.after(milliseconds, again, process)));
        forget = this.after(milliseconds, again, process);
        return { [Symbol.dispose]: () => forget() };
      },
    };
  }

  /**
   * Lets everything happen in its order.
   * @throws Error if it is not over within these steps, or this time
   */
  async run(isOver: () => boolean, { steps, milliseconds }: { steps: number; milliseconds: number }): Promise<void> {
    await settled();
    while (!isOver()) {
      const event = this.#next();
      if (event === undefined) throw new Error('nothing happens any more');
      this.#events.delete(event);
      const { process, at, act } = event;
      if (process?.isKilled) continue;
      if (process !== undefined && process.stillUntil > at) {
        this.#events.add({ ...event, at: process.stillUntil + this.#random() });
        continue;
      }
      this.now = Math.max(this.now, at);
      if (++this.steps > steps) throw new Error(`not over after ${steps} steps`);
      if (this.now > milliseconds) throw new Error(`not over after ${milliseconds / 1000} s`);
      act();
      await settled();
    }
  }

  #next(): Event | undefined {
    let first: Event | undefined;
    for (const event of this.#events) if (first === undefined || event.at < first.at) first = event;
    return first;
  }
}

/** Resolves once every promise that can go on has done so, without waiting for the event loop. */
function settled(): Promise<void> {
  return new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));
}

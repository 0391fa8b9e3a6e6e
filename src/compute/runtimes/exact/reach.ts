/** What of its slots a kernel reads and writes: checks of a program hold it against the buffers of each call. */
import type { Row } from './language.ts';

/** A loop that moves an access. */
export interface Step {
  extent: number;
  stride: number;
}

export interface Reach {
  slot: number;
  /** What the buffer must hold; a transpose moves either. */
  dtype?: 'float32' | 'int32';
  writes: boolean;
  /** By loop, of those whose iterations run in order: one may see what those before it have done. */
  ordered: readonly Step[];
  /** Of other loops. */
  free: readonly Step[];
  /** How many neighbours are read or written. */
  width: number;
  row?: Row;
}

/** @throws Error unless each is a count of something */
export function checkCounts(what: string, counts: readonly number[]): void {
  const wrong = counts.find((count) => !Number.isSafeInteger(count) || count < 1);
  if (wrong !== undefined) throw new Error(`an ${what} of ${wrong}`);
}

/** A place: where in a study a node stands, as one string that ledgers, logs and messages share. */
import type { NodeLabel } from './stage.ts';

/** @returns e.g. `A1/s0/r2/train` */
export function placeOf({ experiment, seed, round, step }: NodeLabel): string {
  return `${experiment}/s${seed}/r${round}/${step}`;
}

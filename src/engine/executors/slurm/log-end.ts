/**
 * What the end of a job's log says of a job that has not said itself how it ended. Slurm forgets a job some minutes
 * after its end, but writes into its log that it was killed, and why: whoever looks a day later still finds that.
 */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { openRegularFile } from '../../../base/regular-file.ts';
import type { SlurmJobState } from './job-state.ts';

/** Of the log's end: Slurm writes last, but others may follow, such as a child that ends slowly. */
const READ_BYTES = 16_384;

/** As slurmstepd writes them. */
const LINES: readonly [RegExp, SlurmJobState][] = [
  [/oom[-_ ]kill event|OOM Killed/i, { kind: 'out-of-memory' }],
  [/\*\*\* .*CANCELLED AT .*DUE TO TIME LIMIT/, { kind: 'time-limit' }],
  [/\*\*\* .*CANCELLED AT .*DUE TO PREEMPTION/, { kind: 'preempted' }],
  [/\*\*\* .*CANCELLED AT .*DUE TO NODE FAILURE/, { kind: 'node-failure' }],
  [/\*\*\* .*CANCELLED AT .*\*\*\*/, { kind: 'cancelled' }],
];
const FROM_SLURM = /^slurmstepd\S*: /;
const IS_REQUEUED = /DUE TO JOB REQUEUE/;

/** @returns undefined if there is no log, or no such line in it since the job was queued last */
export function endInLog(path: string): SlurmJobState | undefined {
  const lines = lastLines(path).filter((line) => FROM_SLURM.test(line));
  const last = lines.slice(1 + lines.findLastIndex((line) => IS_REQUEUED.test(line)));
  return LINES.find(([pattern]) => last.some((line) => pattern.test(line)))?.[1];
}

/** What was written last by anything but Slurm, such as why a line of setup failed. */
export function lastLineOf(path: string): string | undefined {
  return lastLines(path)
    .findLast((line) => line.trim() !== '' && !FROM_SLURM.test(line))
    ?.trim();
}

function lastLines(path: string): string[] {
  let file;
  try {
    ({ file } = openRegularFile(path));
  } catch {
    return []; // it is not there, or others have put something in its place
  }
  try {
    const bytes = Buffer.alloc(READ_BYTES);
    const read = readSync(file, bytes, 0, READ_BYTES, Math.max(0, fstatSync(file).size - READ_BYTES));
    return bytes.toString('utf8', 0, read).split('\n');
  } catch {
    return [];
  } finally {
    closeSync(file);
  }
}

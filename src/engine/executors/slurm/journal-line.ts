/**
 * Whether a line of a journal is one that swp writes. Whoever may write into the cache may have written anything there:
 * what is passed on to views and to whoever waits for nodes is of the right kind.
 */
import { isFailure } from '../../../base/failure-shape.ts';
import type { JsonValue } from '../../../base/json.ts';
import {
  isFlag,
  isNumber,
  isText,
  objectOf,
  oneOf,
  optional,
  recordOf,
  type ShapeCheck,
} from '../../../base/json-shape.ts';

const ENDING = { at: isText, failure: optional(isFailure) };
const ENDINGS: ReadonlyMap<unknown, ShapeCheck> = new Map([
  ['done', objectOf(ENDING)],
  ['failed', objectOf(ENDING)],
  ['too-short', objectOf(ENDING)],
  ['requeue', objectOf({ ...ENDING, signal: isText, asks: isFlag })],
  ['stopped', objectOf({ ...ENDING, signal: isText })],
]);

/** What is read of each event; the others are of no use to anybody who follows a job. */
const EVENTS: ReadonlyMap<unknown, ShapeCheck> = new Map([
  ['job-start', objectOf({ job: isText, host: isText, pid: isNumber, at: isText })],
  ['job-end', (value) => ENDINGS.get((value as { how?: unknown }).how)?.(value) === true],
  [
    'node-start',
    objectOf({
      key: isText,
      label: objectOf({ experiment: isText, seed: isNumber, round: isNumber, step: isText }),
      worker: optional(isNumber),
      resumedAt: optional(isNumber),
      interrupted: optional(isFlag),
    }),
  ],
  [
    'node-progress',
    objectOf({
      key: isText,
      progress: objectOf({
        done: isNumber,
        total: isNumber,
        unit: optional(isText),
        values: optional(recordOf(isNumber)),
      }),
    }),
  ],
  ['node-log', objectOf({ key: isText, line: isText })],
  ['node-checkpoint', objectOf({ key: isText, at: isNumber })],
  [
    'node-end',
    objectOf({ key: isText, outcome: oneOf('ran', 'cached', 'failed', 'blocked'), failure: optional(isFailure) }),
  ],
]);

/** @param value not nested too deeply: parseBoundedJson */
export function isJournalLine(value: unknown): boolean {
  const line = value as JsonValue;
  return objectOf({ event: isText })(line) && EVENTS.get((line as { event: string }).event)?.(line) === true;
}

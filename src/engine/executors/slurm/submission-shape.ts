/**
 * Whether what was read as a submission, or as what jobs came to, is that. Its checksum holds, so swp wrote it, or
 * somebody who means harm: what commands show, compare and hand to Slurm is of the right kind.
 */
import type { JsonObject } from '../../../base/json.ts';
import {
  anyOf,
  indexBelow,
  isNumber,
  isText,
  listOf,
  objectOf,
  oneOf,
  optional,
  textLike,
  type ShapeCheck,
} from '../../../base/json-shape.ts';

/** Slurm's numbers have 32 bits; it refuses to be asked for others, and then tells nothing of any job. */
const LARGEST_JOB = 2 ** 32 - 3;
/** More than any name of a bundle has. */
const NAME = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{1,200}$/;

const isSettings = objectOf({
  partition: optional(isText),
  account: optional(isText),
  qos: optional(isText),
  time: optional(isText),
  gpus: optional(isText),
  cpus: isNumber,
  memory: optional(isNumber),
  constraint: optional(isText),
  setup: listOf(isText),
  concurrency: optional(isNumber),
  signal: isNumber,
  options: listOf(isText),
});

const isStudy = objectOf({
  path: isText,
  declaration: isText,
  profile: optional(isText),
  device: optional(isText),
  engine: optional(isText),
  cache: isText,
  selectors: listOf(isText),
});

export function isSubmission(value: JsonObject): boolean {
  const { bundles, arrays } = value;
  if (!Array.isArray(bundles) || !Array.isArray(arrays)) return false;
  const isIndex = indexBelow(bundles.length);
  const after = listOf(anyOf(isIndex, textLike(/^\d{1,10}_\d{1,10}$/)));
  const isBundle = objectOf({
    name: textLike(NAME),
    nodes: listOf(isText),
    places: listOf(isText),
    settings: isSettings,
    seconds: anyOf((seconds) => seconds === null, isNumber),
    after,
  });
  const isArray = objectOf({
    settings: isSettings,
    bundles: listOf(isIndex),
    // No element has a number below 0.
    offset: indexBelow(Infinity),
    after,
    limit: optional(isNumber),
  });
  const isWhole = objectOf({
    at: textLike(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    user: isText,
    host: isText,
    study: isStudy,
    run: objectOf({ keep: optional(isText), memoryPerNode: optional(isNumber), checkpointSeconds: optional(isNumber) }),
    bundles: listOf(isBundle),
    arrays: listOf(isArray),
  });
  return isWhole(value) && hasElements(value);
}

/** Each bundle is an element of one array. */
function hasElements(value: JsonObject): boolean {
  const { bundles, arrays } = value as unknown as {
    bundles: object[];
    arrays: { bundles: number[]; offset: number }[];
  };
  const members = arrays.flatMap((array) =>
    array.bundles.map((bundle) => ({ bundle, element: bundle - array.offset })),
  );
  return (
    members.length === bundles.length &&
    new Set(members.map(({ bundle }) => bundle)).size === bundles.length &&
    members.every(({ element }) => element >= 0)
  );
}

/** Whether it is the number of a job. */
export const isJobNumber: ShapeCheck = (value) => textLike(/^[1-9]\d{0,9}$/)(value) && Number(value) <= LARGEST_JOB;

/** Whether it says what a job came to. */
export const isJobEnd = anyOf(
  objectOf({ kind: oneOf('done', 'out-of-memory', 'time-limit', 'preempted', 'lost') }),
  objectOf({ kind: oneOf('failed', 'cancelled'), reason: optional(isText) }),
  objectOf({ kind: oneOf('node-failure'), nodes: optional(isText) }),
);

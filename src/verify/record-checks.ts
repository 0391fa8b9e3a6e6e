/**
 * What must hold of a record: its keys follow from its pre-images, its two pre-images say the same, it consumed what
 * the records of its producers say that they made, and its metrics are those of its artifacts. One list for the two
 * places where records lie: a cache (verify-cache.ts) and a bundle (../bundle/check-records.ts).
 */
import type { CacheRecord, UnsealedRecord } from '../cache/record.ts';
import { parseBoundedJson } from '../base/bounded-json.ts';
import { digestJson } from '../base/digest.ts';
import { canonicalJson, entryOf, isJsonObject, type JsonValue } from '../base/json.ts';
import { readRegularText } from '../base/regular-file.ts';
import { placeOf } from '../engine/stage.ts';
import { countedMetrics } from './counted-metrics.ts';
import { gatheredContents, gatheredItems, inputContents, inputRefs, isPreimage } from './preimage.ts';

/** What the two pre-images of a record have in common. */
const COMMON = ['version', 'stage', 'code', 'computes', 'params', 'files'] as const;

export interface Problem {
  /** Of the record alone, or of it and the records of its producers. */
  check: 'records' | 'lineage';
  /** Begins in lower case and has no full stop. */
  message: string;
}

/** @returns what is wrong with a record by itself; of a record with a problem nothing else is to be asked */
export function problemsOf(record: UnsealedRecord): Problem[] {
  const { preimage, contentPreimage } = record;
  const messages: string[] = [];
  if (digestOf(preimage) !== record.key) messages.push('its key is not the hash of its pre-image');
  if (digestOf(contentPreimage) !== record.contentKey)
    messages.push('its content key is not the hash of its content pre-image');
  if (messages.length > 0) return messages.map((message) => ({ check: 'records', message }));
  if (!isPreimage(preimage) || !isPreimage(contentPreimage))
    return [{ check: 'records', message: 'its pre-images are none that swp makes' }];
  if (record.stage !== preimage.stage)
    messages.push(`it calls itself ${record.stage}, and its pre-image says ${String(preimage.stage)}`);
  for (const part of COMMON)
    if (canonicalOf(preimage[part]) !== canonicalOf(contentPreimage[part]))
      messages.push(`its two pre-images differ in "${part}"`);
  return [...messages.map((message) => ({ check: 'records', message }) as const), ...inputProblems(record)];
}

function inputProblems(record: UnsealedRecord): Problem[] {
  const messages: string[] = [];
  if (!sameNames(inputRefs(record), inputContents(record))) messages.push('its two pre-images have different inputs');
  const contents = gatheredContents(record);
  for (const [name, items] of Object.entries(gatheredItems(record))) {
    if ((entryOf(contents, name) ?? []).length !== items.length)
      messages.push(`its two pre-images gather different "${name}"`);
    for (const { key, missing, label } of items)
      if (key === undefined && missing !== true)
        messages.push(`it gathers "${name}" of ${placeOf(label)} from no record`);
  }
  return messages.map((message) => ({ check: 'lineage', message }));
}

/** One artifact that a record was made of. */
export interface Consumed {
  /** E.g. `weights`, or `evaluations of A1/s0/r1/eval-trained`. */
  input: string;
  /** Of the producer. */
  key: string;
  artifact: string;
  sha256: string | undefined;
}

/** Everything that a record without problems was made of; what it lists as missing is left out. */
export function consumedBy(record: UnsealedRecord): Consumed[] {
  const contents = inputContents(record);
  const single = Object.entries(inputRefs(record)).map(([input, { key, artifact }]) => ({
    input,
    key,
    artifact,
    sha256: entryOf(contents, input)?.sha256,
  }));
  const gathered = Object.entries(gatheredItems(record)).flatMap(([name, items]) =>
    items.flatMap(({ key, artifact, label }, index): Consumed[] =>
      key === undefined
        ? []
        : [
            {
              input: `${name} of ${placeOf(label)}`,
              key,
              artifact,
              sha256: gatheredContents(record)[name]?.[index]?.sha256,
            },
          ],
    ),
  );
  return [...single, ...gathered];
}

/**
 * @param made digests that the producer's record, or an earlier one of its key, has under the artifact's name
 * @param producer how messages call it
 * @returns how what was consumed contradicts what the producer made; undefined if it does not
 */
export function contradiction(
  { input, artifact, sha256 }: Consumed,
  made: readonly string[],
  producer: string,
): Problem | undefined {
  const [last] = made;
  if (last === undefined)
    return { check: 'lineage', message: `its input "${input}" is "${artifact}" of ${producer}, which made none` };
  if (sha256 !== undefined && made.includes(sha256)) return undefined;
  return {
    check: 'lineage',
    message: `its input "${input}" was ${String(sha256).slice(0, 12)}; "${artifact}" of ${producer} is ${last.slice(0, 12)}`,
  };
}

/** What a file called .json holds; undefined for one that holds none, or is not there: other checks tell. */
export function jsonIn(path: string): unknown {
  try {
    return parseBoundedJson(readRegularText(path));
  } catch {
    return undefined;
  }
}

/**
 * Where an artifact of the node has a number of the same name as a metric, the two must be equal, and so must those
 * that follow from what it lists. Of swp's own stages they mean the same; a stage of one's own may call two things by
 * one name.
 * @param record of one of swp's own stages
 * @param content of a JSON artifact
 */
export function metricProblems(
  { stage, metrics }: Pick<CacheRecord, 'stage' | 'metrics'>,
  artifact: string,
  content: unknown,
): string[] {
  if (!isJsonObject(content as JsonValue)) return [];
  const counted = countedMetrics(stage, artifact, content);
  return Object.entries(metrics).flatMap(([metric, value]) => {
    const said = entryOf(counted, metric) ?? entryOf(content as Record<string, unknown>, metric);
    const isOther = typeof said === 'number' ? typeof value === 'number' && value !== said : isOtherText(said, value);
    return isOther
      ? [`its metric "${metric}" is ${String(value)}; its artifact "${artifact}" says ${String(said)}`]
      : [];
  });
}

function isOtherText(said: unknown, value: unknown): boolean {
  return typeof said === 'string' && typeof value === 'string' && value !== said;
}

/** @returns undefined for what canonical JSON cannot hold, such as 1e999: it is in no pre-image that swp makes */
function digestOf(value: JsonValue): string | undefined {
  try {
    return digestJson(value);
  } catch {
    return undefined;
  }
}

function canonicalOf(value: JsonValue | undefined): string {
  return value === undefined ? '' : canonicalJson(value);
}

function sameNames(a: object, b: object): boolean {
  return Object.keys(a).sort().join('\n') === Object.keys(b).sort().join('\n');
}

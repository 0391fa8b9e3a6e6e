/**
 * Where a report goes. One that has lost runs does not take the place of one that has them: it goes beside, and both
 * are said. So a selection of a study that was edited, a run that mostly fails and a device that is missing leave the
 * report of all runs as it is.
 */
import { join } from 'node:path';
import { parseBoundedJson } from '../base/bounded-json.ts';
import { fileFailure } from '../base/file-failure.ts';
import { isJsonObject, type JsonValue } from '../base/json.ts';
import { isForeign, readRegularText } from '../base/regular-file.ts';
import type { Study } from '../pipeline/study.ts';

const REMEDY =
  'Results that lack runs take no report\u2019s place that cannot be compared with. Remove it, or `swp report -o DIRECTORY`.';

/** What is looked at in results of any version. */
export interface Runs {
  runs: Run[];
}

export interface Run {
  experiment: string;
  seed: number;
  status: string;
  measurements: { evaluation: unknown; detection: unknown }[];
  curves: unknown[];
}

/**
 * What tells the sizes of a study apart, and what a command changes in it: `pilot`, or `pilot@cuda` where `--device
 * cuda` makes other nodes. No profile has an `@` in its name.
 */
export function variantOf({ profile, overrides }: Pick<Study, 'overrides'> & { profile: { name: string } }): string {
  return [profile.name, ...Object.values(overrides)].join('@');
}

/** Where a report goes whose runs are not all that the one in `folder` has. */
export function partialFolder(folder: string): string {
  return `${folder}@partial`;
}

/**
 * Whether the report in a folder has runs, or measurements of runs, that these results lack.
 * @throws SwpError of kind `file` if it may not be read
 */
export function hasMore(folder: string, results: Runs): boolean {
  if (results.runs.every(isComplete)) return false;
  const before = reportedRuns(join(folder, 'results.json'));
  return before !== undefined && losesRuns(before, results);
}

/**
 * The runs that a report has: one of another version of swp, too, whose results it does not read. Others may have
 * written into its folder: what is no report has none.
 */
function reportedRuns(path: string): Runs | undefined {
  let results;
  try {
    results = parseBoundedJson(readRegularText(path)) as JsonValue;
  } catch (error) {
    if (error instanceof SyntaxError || isForeign(error) || isMissing(error)) return undefined;
    throw fileFailure(error, path, 'read', REMEDY);
  }
  if (!isJsonObject(results) || !Array.isArray(results.runs)) return undefined;
  return { runs: (results.runs as unknown[]).filter(isRun) };
}

function isRun(value: unknown): value is Run {
  const { experiment, seed, status, measurements, curves } = (value ?? {}) as Partial<Record<keyof Run, unknown>>;
  return (
    typeof experiment === 'string' &&
    typeof seed === 'number' &&
    typeof status === 'string' &&
    Array.isArray(measurements) &&
    measurements.every((each) => typeof each === 'object' && each !== null) &&
    Array.isArray(curves)
  );
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** Runs that the study no longer declares are no loss. */
export function losesRuns(before: Runs, now: Runs): boolean {
  const found = new Map(now.runs.map((run) => [nameOf(run), run]));
  return before.runs.some((run) => {
    const same = found.get(nameOf(run));
    if (same === undefined || isComplete(same)) return false;
    return isComplete(run) || measured(run) > measured(same);
  });
}

function isComplete({ status }: Run): boolean {
  return status === 'complete';
}

function nameOf({ experiment, seed }: Run): string {
  return `${experiment}/s${seed}`;
}

/** How much is there of a run. */
function measured({ measurements, curves }: Run): number {
  const each = measurements.map(
    ({ evaluation, detection }) => Number(evaluation !== null) + Number(detection !== null),
  );
  return each.reduce((sum, count) => sum + count, curves.length);
}

/**
 * Where a report goes. One that has lost runs does not take the place of one that has them: it goes beside, and both
 * are said. So a selection of a study that was edited, a run that mostly fails and a device that is missing leave the
 * report of all runs as it is.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SwpError } from '../base/failure.ts';
import type { Study } from '../pipeline/study.ts';
import { readResults, type StudyResults } from '../report/read-results.ts';

type Runs = Pick<StudyResults, 'runs'>;
type Run = StudyResults['runs'][number];

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

/** Whether the report in a folder has runs, or measurements of runs, that these results lack. */
export async function hasMore(folder: string, results: Runs): Promise<boolean> {
  if (results.runs.every(isComplete)) return false;
  const path = join(folder, 'results.json');
  if (!existsSync(path)) return false;
  try {
    return losesRuns(await readResults(path), results);
  } catch (error) {
    if (!(error instanceof SwpError)) throw error;
    return false; // nothing that this swp can compare with
  }
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

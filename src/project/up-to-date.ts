/**
 * The quick way to "nothing to do": if nothing has changed since everything was there, a command need not make the plan
 * to say so. It loads no stage, no schema and no graph.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { CacheRecord } from '../cache/record.ts';
import { readSettledPlan, writeSettledPlan } from '../cache/settled-plan.ts';
import { studyFolder } from '../cache/study-state.ts';
import { stampIfThere } from '../base/file-stamp.ts';
import type { Failure } from '../base/failure.ts';
import { installedBuild } from '../base/installed-build.ts';
import { packageRoot } from '../base/package-root.ts';
import { locate, type ProjectOptions } from './location.ts';
import type { Project } from './project.ts';
import { sizeOf, type StudySize } from './study-size.ts';
import { variantOf } from './report-place.ts';
import { renderOrExplain, resultsKey, type RenderedReport } from './study-report.ts';

/** What `swp repro` needs to say that a study is up to date. */
export interface UpToDate {
  /** How many nodes. */
  total: number;
  /** The project's root. */
  root: string;
  study: StudySize;
  /** Names the folder of its report. */
  variant: string;
  /** The artifacts of the node that gathered the results; null if the study has none. */
  results: CacheRecord['artifacts'] | null;
  /** Code that runs and is in no key. */
  warnings: Failure[];
}

/** File systems count time in ticks: a file that changed less than this ago may change again and keep its stamp. */
const RACY_MS = 2_000;

/** @returns undefined if a plan has to be made */
export function findUpToDate(options: ProjectOptions): UpToDate | undefined {
  const { path, cache } = locate(options);
  const basis = basisOf(options);
  const found = basis && readSettledPlan(cache, studyFolder(cache, path), nameOf(options), basis, stampIfThere);
  return found ? ({ warnings: [], ...found } as unknown as UpToDate) : undefined;
}

/** @param records of every node of the DAG, each under the node's own key; otherwise nothing is noted */
export async function noteUpToDate(
  options: ProjectOptions,
  project: Project,
  records: ReadonlyMap<string, CacheRecord>,
): Promise<void> {
  const { dag, study, cache, stages } = project;
  const basis = basisOf(options);
  const whole = dag.nodes().every((key) => records.get(key)?.key === key);
  const watched = Object.fromEntries(dag.getAttribute('watched'));
  if (
    basis === undefined ||
    !whole ||
    Object.entries(watched).some(([path, stamp]) => isRacy(stamp) || stampIfThere(path) !== stamp)
  )
    return;
  const key = resultsKey(project);
  const summary: UpToDate = {
    total: dag.order,
    root: study.root,
    study: sizeOf(study),
    variant: variantOf(study),
    results: (key === undefined ? undefined : records.get(key)?.artifacts) ?? null,
    warnings: stages.warnings,
  };
  await writeSettledPlan(
    cache,
    studyFolder(cache.directory, study.path),
    nameOf(options),
    { basis, watched, summary: summary as never },
    records.values(),
  ).finally(() => cache.scratch.clear());
}

/** Renders the report if it is not there any more, or was made by another renderer. */
export function reportUpToDate(
  options: ProjectOptions,
  { root, variant, results }: UpToDate,
): Promise<{ report?: RenderedReport; failure?: Failure }> {
  if (results === null) return Promise.resolve({});
  const { cache } = locate(options);
  return renderOrExplain({ root, variant, cache: { directory: cache } }, { artifacts: results });
}

/**
 * Everything on which the plan depends that is read anew each time: the text of pipeline.json and its path, what the
 * command was given, which build of swp this is, with the versions of what it imports, and variables that it reads.
 * @returns undefined if the study cannot be read: whoever makes the plan says why
 */
function basisOf(options: ProjectOptions): string | undefined {
  const { path, profile, overrides } = locate(options);
  const variables = Object.entries(process.env)
    .filter(([name]) => name.startsWith('SWP_'))
    .sort();
  try {
    const hash = createHash('sha256');
    for (const part of [
      path,
      readFileSync(path),
      profile ?? '',
      JSON.stringify([overrides, variables]),
      basename(installedBuild),
      readFileSync(join(packageRoot, 'package.json')),
      dirname(installedBuild),
    ])
      hash.update(part).update('\0');
    return hash.digest('hex');
  } catch {
    return undefined;
  }
}

/** One note per profile and device, so that they do not overwrite each other. */
function nameOf(options: ProjectOptions): string {
  const { profile, overrides } = locate(options);
  return JSON.stringify([profile ?? null, overrides]);
}

/** @param stamp ends with the time of the last change in nanoseconds */
function isRacy(stamp: string): boolean {
  return Date.now() - Number(stamp.split(':').at(-1)) / 1e6 < RACY_MS;
}

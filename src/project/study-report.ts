/** Renders the study's report from what aggregate wrote, and only if there is anything new in it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ArtifactStore } from '../cache/artifact-store.ts';
import type { CacheRecord } from '../cache/record.ts';
import { SwpError, type Failure } from '../base/failure.ts';
import { failureOf, fileFailure } from '../base/file-failure.ts';
import { guardFolder } from '../base/held-folder.ts';
import { systemErrorCode } from '../base/system-error.ts';
import type { JsonObject } from '../base/json.ts';
import { placeOf } from '../engine/stage.ts';
import type { FailedFigure } from '../report/render-report.ts';
import { readSummary, type SummaryPart } from '../report/summary.ts';
import { readResults, RESULTS_ARTIFACT, RESULTS_STAGE, type StudyResults } from '../report/read-results.ts';
import { rendererStamp } from '../report/renderer-stamp.ts';
import { WHOLE_STUDY } from '../pipeline/whole-study.ts';
import type { Project } from './project.ts';
import { hasMore, partialFolder, variantOf } from './report-place.ts';
import { isRendered } from './report-stamp.ts';

const PAGE = 'index.html';

/** What rendering a report has to know of a project, even if no plan was made. */
export interface ReportedProject {
  /** The study's folder. */
  root: string;
  /** Of `variantOf`. */
  variant: string;
  cache: { directory: string };
}

export interface RenderedReport {
  /** Path of the page. */
  html: string;
  highlights: JsonObject;
  /** What says the essential on a terminal. */
  summary: SummaryPart[];
  /** Path of the page of an earlier report that stays where it is, since it has runs that this one lacks. */
  kept?: string;
  /** Why the report lacks something: it is there, but incomplete. */
  failure?: Failure;
}

/** Key of the node that makes the results; undefined if the study has no step of aggregate. */
export function resultsKey({ dag }: Project): string | undefined {
  return dag.findNode(
    (_key, { stage, labels }) => labels[0]?.experiment === WHOLE_STUDY && stage.name === RESULTS_STAGE,
  );
}

/**
 * The record of the last results: those of the study as it is now, or else those that it had last, which may have holes
 * or come from an earlier declaration.
 */
export async function latestResults({ dag, cache, state }: Project, key: string): Promise<CacheRecord | undefined> {
  const [label] = dag.getNodeAttributes(key).labels;
  const last = label && state.lastKey(placeOf(label));
  const record = (await cache.record(key)) ?? (last === undefined ? undefined : await cache.record(last));
  return record?.stage === RESULTS_STAGE ? record : undefined; // a step of this name may have been of another stage
}

/** Where a study's report is. */
export function reportFolder({ study }: Pick<Project, 'study'>): string {
  return folderOf(reported({ study, cache: { directory: '' } }));
}

function folderOf({ root, variant }: ReportedProject): string {
  return join(root, 'report', variant);
}

function reported({ study, cache }: { study: Project['study']; cache: { directory: string } }): ReportedProject {
  return { root: study.root, variant: variantOf(study), cache };
}

/**
 * @param record of the node that made the results
 * @param options.always render even if the page is there and made of the same results
 * @param options.signal gives up between two figures
 * @param options.output folder; the study's own if absent
 * @param options.figures whether figures are in files of their own, too
 * @throws SwpError if the results are damaged or the report cannot be written
 */
async function renderStudyReport(
  project: ReportedProject,
  record: Pick<CacheRecord, 'artifacts'>,
  options: {
    always?: boolean;
    signal?: AbortSignal | undefined;
    output?: string | undefined;
    figures?: boolean;
  } = {},
): Promise<RenderedReport | undefined> {
  const results = record.artifacts[RESULTS_ARTIFACT];
  if (results === undefined) return undefined;
  const store = new ArtifactStore(project.cache.directory);
  await store.verify(results);
  const resultsPath = store.path(results);
  const whole = options.output ?? folderOf(project);
  const madeOf = `${results.sha256} ${rendererStamp()}`;
  let folder = whole;
  let failure: Failure | undefined;
  if (options.always || !(await isRendered(whole, madeOf))) {
    if (hasMore(whole, await readResults(resultsPath))) folder = partialFolder(whole);
    if (options.always || folder === whole || !(await isRendered(folder, madeOf)))
      failure = await render(
        project,
        { resultsPath, folder, madeOf, figures: options.figures ?? true },
        options.signal,
      );
  }
  if (folder === whole && existsSync(partialFolder(whole))) await removePartial(whole);
  const { parts, highlights } = await readSummary(resultsPath);
  return {
    html: join(folder, PAGE),
    highlights,
    summary: parts,
    ...(folder !== whole && { kept: join(whole, PAGE) }),
    ...(failure && { failure }),
  };
}

/**
 * @returns why it lacks something: it is there, but incomplete
 */
async function render(
  { root, cache }: ReportedProject,
  place: { resultsPath: string; folder: string; madeOf: string; figures: boolean },
  signal: AbortSignal | undefined,
): Promise<Failure | undefined> {
  const { resultsPath, folder, madeOf, figures } = place;
  // Loaded only here: a run that finds nothing to do needs neither Vega nor what reads records and writes reports.
  const [{ renderReport }, { reportOrigin }, { Cache }, { publishReport }] = await Promise.all([
    import('../report/render-report.ts'),
    import('../report/report-origin.ts'),
    import('../cache/cache.ts'),
    import('./report-folder.ts'),
  ]);
  try {
    guardFolder(root); // a group may share a study's folder as well
    const origin = await reportOrigin(Cache.at(cache.directory), resultsPath);
    // An incomplete report does not count as rendered: the next run tries again, and says so again.
    const { failed } = await publishReport(
      folder,
      (outDir) => renderReport({ resultsPath, outDir, origin, figureFiles: figures, signal }),
      (rendered) => (rendered.failed.length === 0 && figures ? madeOf : undefined),
    );
    return incomplete(join(folder, PAGE), failed);
  } catch (error) {
    throw signal?.aborted ? error : unwritable(error, folder, resultsPath);
  }
}

/** The report of all runs has its runs, too. Where nothing may be written, it stays. */
async function removePartial(whole: string): Promise<void> {
  const { removeReport } = await import('./report-folder.ts');
  await removeReport(partialFolder(whole)).catch((error: unknown) => {
    if (failureOf(error) === undefined) throw error;
  });
}

/** One message for all figures that could not be drawn; undefined if there is none. */
function incomplete(path: string, failed: readonly FailedFigure[]): Failure | undefined {
  if (failed.length === 0) return undefined;
  const reasons = failed.map(({ id, reason }) => `${id} (${reason})`).join(', ');
  return {
    kind: 'content',
    path,
    message: `The report is incomplete, as this could not be drawn: ${reasons}`,
    remedy: 'The results and the other figures are there. This is a bug in swp: please report it with results.json.',
  };
}

/**
 * Renders the report anew from the latest results, whether or not it is there.
 * @param options.output folder; the study's own if absent
 * @param options.figures whether figures are in files of their own, too
 * @throws SwpError of kind `usage` if there are no results, or if the folder holds something else
 */
export async function renderLatest(
  project: Project,
  { output, figures = true }: { output?: string; figures?: boolean } = {},
): Promise<RenderedReport> {
  const key = resultsKey(project);
  if (key === undefined)
    throw new SwpError({
      kind: 'usage',
      message: `The study has no step of stage ${RESULTS_STAGE}, whose results a report shows.`,
      expected: `a step in "dag" with "stage": "${RESULTS_STAGE}"`,
    });
  const record = await latestResults(project, key);
  if (record === undefined) throw noResults(project);
  const folder = output === undefined ? undefined : (await import('./report-folder.ts')).chosenFolder(project, output);
  const rendered = await renderStudyReport(reported(project), record, { always: true, output: folder, figures });
  if (rendered === undefined) throw noResults(project);
  return rendered;
}

/**
 * The latest results, checked against their digest.
 * @returns undefined before there are any
 * @throws SwpError of kind `content` if they are damaged
 */
export async function readLatestResults(project: Project): Promise<StudyResults | undefined> {
  const key = resultsKey(project);
  const artifact = key === undefined ? undefined : (await latestResults(project, key))?.artifacts[RESULTS_ARTIFACT];
  if (artifact === undefined) return undefined;
  await project.cache.verify(artifact);
  return readResults(project.cache.artifactPath(artifact));
}

/**
 * Puts results aside that are damaged, so that planning finds them missing and a run makes them again: they are made at
 * the end of a run, and no node reads them.
 * @returns what was damaged
 */
export async function putDamagedResultsAside(project: Project): Promise<Failure[]> {
  const { cache } = project;
  const key = resultsKey(project);
  const record = key === undefined ? undefined : await latestResults(project, key).catch(withoutDamage);
  const artifact = record?.artifacts[RESULTS_ARTIFACT];
  if (artifact === undefined) return [];
  const path = cache.artifactPath(artifact);
  try {
    await cache.verify(artifact);
    return [];
  } catch (error) {
    if (!(error instanceof SwpError)) throw error;
    const { failure } = error;
    if (failure.kind === 'file' && failure.code === 'ENOENT') return [];
    if (failure.kind !== 'content') throw error;
    return [{ ...failure, remedy: `It is kept as ${cache.moveAside(path)}, and made again. Check the disk.` }];
  }
}

/**
 * Puts the record of the results aside that another computation did not confirm, so that the next run makes them again:
 * also one of another recipe with the same content that names the same results, since early cutoff would find it.
 * @returns where they lie now
 * @throws SwpError of kind `file`
 */
export async function putResultsAside({ cache }: Pick<Project, 'cache'>, record: CacheRecord): Promise<string[]> {
  const aside = [cache.moveAside(cache.recordPath(record.key))];
  const key = await cache.keyByContent(record.contentKey);
  const other = key === undefined || key === record.key ? undefined : await cache.record(key).catch(withoutDamage);
  const digestOf = ({ artifacts }: CacheRecord) => artifacts[RESULTS_ARTIFACT]?.sha256;
  if (other !== undefined && digestOf(other) === digestOf(record))
    aside.push(cache.moveAside(cache.recordPath(other.key)));
  return aside;
}

/** A damaged record is told of by planning. */
function withoutDamage(error: unknown): undefined {
  if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw error;
}

export function noResults({ study }: Project): SwpError {
  return new SwpError({
    kind: 'usage',
    message: `There are no results of profile "${study.profile.name}" yet.`,
    expected: '`swp repro` first',
  });
}

/**
 * A report that cannot be written takes nothing from what a run did.
 * @returns neither where the study makes none, or the signal was aborted
 */
export async function renderOrExplain(
  project: ReportedProject | Project,
  record: Pick<CacheRecord, 'artifacts'>,
  signal?: AbortSignal,
): Promise<{ report?: RenderedReport; failure?: Failure }> {
  if (signal?.aborted) return {};
  try {
    const report = await renderStudyReport('study' in project ? reported(project) : project, record, { signal });
    return report === undefined ? {} : { report, ...(report.failure && { failure: report.failure }) };
  } catch (error) {
    if (signal?.aborted) return {};
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    return { failure };
  }
}

/** @returns the failure to throw, or `error` itself where it is none of writing the report */
function unwritable(error: unknown, folder: string, resultsPath: string): unknown {
  const failure = error instanceof SwpError ? error.failure : undefined;
  if (failure !== undefined && (failure.kind !== 'file' || failure.path === resultsPath)) return error;
  if (failure === undefined && systemErrorCode(error) === undefined) return error;
  const remedy = `The report is written to ${folder}. Make it possible there, then \`swp report\` renders it; or \`swp report -o DIRECTORY\` renders it elsewhere. The results are kept.`;
  if (failure?.kind === 'file') return new SwpError({ ...failure, path: folder, operation: 'write', remedy });
  const { path = folder } = error as NodeJS.ErrnoException;
  return fileFailure(error, path, 'write', remedy);
}

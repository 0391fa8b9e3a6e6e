/** Renders the study's report from what aggregate wrote, and only if there is anything new in it. */
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '../base/atomic-file.ts';
import type { Cache } from '../cache/cache.ts';
import type { CacheRecord } from '../cache/record.ts';
import { SwpError, type Failure } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';
import { placeOf } from '../engine/stage.ts';
import { rendererStamp } from '../report/renderer-stamp.ts';
import { WHOLE_STUDY } from '../pipeline/whole-study.ts';
import type { Project } from './project.ts';

/** The artifact that a report is made of: the output of a step that gathers the whole study. */
const RESULTS_NAME = 'results';

/** What rendering a report has to know of a project. */
export interface ReportedProject {
  study: { root: string; profile: { name: string } };
  cache: Pick<Cache, 'verify' | 'artifactPath' | 'record'>;
}

export interface RenderedReport {
  /** Path of the page. */
  html: string;
  highlights: JsonObject;
  /** Terminal lines that say the essential. */
  summary: string[];
}

/** Key of the node that makes the results; undefined if the study has no such step. */
export function resultsKey({ dag }: Project): string | undefined {
  return dag.findNode(
    (_key, { stage, labels }) => labels[0]?.experiment === WHOLE_STUDY && stage.outputs[RESULTS_NAME] !== undefined,
  );
}

/**
 * The record of the last results: those of the study as it is now, or else those that it had last, which may have holes
 * or come from an earlier declaration.
 */
export async function latestResults({ dag, cache, state }: Project, key: string): Promise<CacheRecord | undefined> {
  const [label] = dag.getNodeAttributes(key).labels;
  const last = label && state.lastKey(placeOf(label));
  return (await cache.record(key)) ?? (last === undefined ? undefined : await cache.record(last));
}

/** Where a profile's report is. */
export function reportFolder({ study }: ReportedProject): string {
  return join(study.root, 'report', study.profile.name);
}

/**
 * @param record of the node that made the results
 * @param options.always render even if the page is there and made of the same results
 * @throws SwpError if the results are damaged or the report cannot be written
 */
export async function renderStudyReport(
  project: ReportedProject,
  record: Pick<CacheRecord, 'artifacts'>,
  options: { always?: boolean } = {},
): Promise<RenderedReport | undefined> {
  const results = record.artifacts[RESULTS_NAME];
  if (results === undefined) return undefined;
  await project.cache.verify(results);
  const resultsPath = project.cache.artifactPath(results);
  const outDir = reportFolder(project);
  const html = join(outDir, 'index.html');
  const stampPath = join(outDir, '.made-of');
  const stamp = `${results.sha256} ${rendererStamp()}\n`;
  const isFresh = existsSync(html) && (await readFile(stampPath, 'utf8').catch(() => '')) === stamp;
  if (!isFresh || options.always) {
    const [{ renderReport }, { reportOrigin }] = await Promise.all([
      import('../report/render-report.ts'),
      import('../report/report-origin.ts'),
    ]); // slow to load: vega
    try {
      makeDirectory(outDir);
      await rm(stampPath, { force: true }); // half a page must not pass for a whole one
      await renderReport({ resultsPath, outDir, origin: await reportOrigin(project.cache, resultsPath) });
      await writeFile(stampPath, stamp);
    } catch (error) {
      throw unwritable(error, outDir);
    }
  }
  const { readSummary } = await import('../report/summary.ts');
  const { lines, highlights } = await readSummary(resultsPath);
  return { html, highlights, summary: lines };
}

/** A report that cannot be written takes nothing from what a run did. */
export async function renderOrExplain(
  project: ReportedProject,
  record: Pick<CacheRecord, 'artifacts'>,
): Promise<{ report?: RenderedReport; failure?: Failure }> {
  try {
    const report = await renderStudyReport(project, record);
    return report === undefined ? {} : { report };
  } catch (error) {
    if (!(error instanceof SwpError)) throw error;
    return { failure: error.failure };
  }
}

/** @returns the failure to throw, or `error` itself where it is none of the file system */
function unwritable(error: unknown, folder: string): unknown {
  const { code, path = folder } = error as NodeJS.ErrnoException;
  if (error instanceof SwpError || typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return error;
  const remedy = `The report is written to ${folder}. Make it possible there, then \`swp report\` renders it; the results are kept.`;
  return new SwpError({ kind: 'file', path, operation: 'write', code, remedy }, { cause: error });
}

/** Renders the report again from the bundled results and compares every file of it with the bundled one. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { extname, join } from 'node:path';
import { parseBoundedJson } from '../base/bounded-json.ts';
import { SwpError } from '../base/failure.ts';
import type { Cache } from '../cache/cache.ts';
import type { CacheRecord } from '../cache/record.ts';
import { collectEnvironment } from '../engine/environment.ts';
import { RESULTS_ARTIFACT } from '../report/read-results.ts';
import { rendererStamp } from '../report/renderer-stamp.ts';
import { readSummary, type SummaryPart } from '../report/summary.ts';
import { relativeDifference } from '../verify/relative-difference.ts';
import { filesUnder } from './contents.ts';
import type { CheckResult, Finding } from './finding.ts';
import type { Manifest } from './manifest.ts';
import { renderBundledReport } from './report.ts';

/** Text around the first difference, in characters. */
const AROUND = 40;
const TOLERANCE = 1e-9;

export interface CheckedReport extends CheckResult {
  /** The results in short, as lines for the terminal. */
  summary: SummaryPart[];
}

/** @param cache the unpacked bundle */
export async function checkReport(
  manifest: Manifest,
  records: ReadonlyMap<string, CacheRecord>,
  cache: Cache,
): Promise<CheckedReport> {
  const record = manifest.results === null ? undefined : records.get(manifest.results);
  const results = record?.artifacts[RESULTS_ARTIFACT];
  const bundled = Object.keys(manifest.files).filter((name) => name.startsWith('report/'));
  if (record === undefined || results === undefined || bundled.length === 0)
    return { findings: [], said: ['no report'], summary: [] };
  const resultsPath = cache.artifactPath(results);
  const renderer: Renderer =
    manifest.renderer !== rendererStamp() ? 'other' : (await isSamePlatform(cache.directory)) ? 'same' : 'elsewhere';
  const summary = await readSummary(resultsPath).catch((error: unknown) => {
    if (!(error instanceof SwpError && error.failure.kind === 'content')) throw error;
    return error.failure;
  });
  if (!('lines' in summary)) return unreadable(summary.message, renderer, manifest);
  const fresh = await cache.scratch.node();
  try {
    const hasFigures = bundled.some((name) => name.startsWith('report/figures/'));
    await renderBundledReport(fresh, resultsPath, cache, hasFigures);
    const made = new Set(filesUnder(fresh).map((name) => `report/${name}`));
    const sameRenderer = renderer !== 'other';
    const findings: Finding[] = [];
    for (const name of bundled) {
      const [before, after] = [join(cache.directory, name), join(fresh, name.slice('report/'.length))];
      const message = made.has(name)
        ? await difference(before, after, renderer)
        : sameRenderer
          ? 'the report has no such file'
          : undefined;
      if (message !== undefined) findings.push({ check: 'report', where: name, message });
    }
    if (sameRenderer)
      for (const name of made)
        if (!bundled.includes(name))
          findings.push({ check: 'report', where: name, message: 'it is not in the bundle' });
    const said = sameRenderer
      ? `${bundled.length} files of the report rendered again from the results${findings.length === 0 ? ': the same bytes' : ''}`
      : `the report was rendered by another version (${manifest.swp}): its data were compared number by number, its pages and pictures were not`;
    return { findings, said: [said], summary: summary.parts };
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    await cache.scratch.clear();
  }
}

/** Results that this swp does not read: another version may have written them in its own form, this one cannot have. */
function unreadable(message: string, renderer: Renderer, { swp }: Manifest): CheckedReport {
  return renderer === 'other'
    ? {
        findings: [],
        unchecked: true,
        said: [
          `the report was not rendered again: this version of swp does not read the bundled results (${message}). The version that wrote the bundle (${swp}) does`,
        ],
        summary: [],
      }
    : { findings: [{ check: 'report', where: 'results.json', message }], said: [], summary: [] };
}

/** The same code here, the same code on another platform, or other code. */
type Renderer = 'same' | 'elsewhere' | 'other';

/** @returns what differs; undefined if nothing does, or nothing can be said */
async function difference(before: string, after: string, renderer: Renderer): Promise<string | undefined> {
  if (!existsSync(after)) return undefined;
  const [a, b] = [readFileSync(before), readFileSync(after)];
  if (a.equals(b)) return undefined;
  if (renderer === 'other') {
    if (extname(before) !== '.json') return undefined;
    const distance = await relativeDifference(before, after).catch(() => Infinity);
    return distance > TOLERANCE && distance < Infinity
      ? `a number in it is not that of the results (relative difference ${distance.toExponential(1)})`
      : undefined;
  }
  // Elsewhere, the SVG file of the same figure is compared instead.
  if (extname(before) === '.png')
    return renderer === 'same' ? 'the picture differs from the one that the results give' : undefined;
  const [is, should] = [a.toString('utf8'), b.toString('utf8')];
  if (renderer === 'elsewhere' && sayTheSame(is, should)) return undefined;
  let at = 0;
  while (at < is.length && is[at] === should[at]) at++;
  const excerpt = (text: string) => JSON.stringify(text.slice(Math.max(0, at - AROUND), at + AROUND));
  return `line ${is.slice(0, at).split('\n').length} says ${excerpt(is)}; the results give ${excerpt(should)}`;
}

/** Whether the report was rendered on the same platform and version of Node, where equal input gives equal bytes. */
async function isSamePlatform(folder: string): Promise<boolean> {
  const here = await collectEnvironment(folder, {});
  let there: Partial<typeof here>;
  try {
    there = parseBoundedJson(readFileSync(join(folder, 'environment.json'), 'utf8')) as typeof here;
  } catch {
    return false; // whoever made the bundle left it out, or damaged it
  }
  return ['node', 'platform', 'arch'].every((name) => there[name] === here[name]);
}

/** Whether texts have equal words, and numbers that differ by rounding at most, as coordinates do between platforms. */
function sayTheSame(a: string, b: string): boolean {
  const number = /-?\d+(?:\.\d+)?(?:e[-+]?\d+)?/gi;
  if (a.replace(number, '#') !== b.replace(number, '#')) return false;
  const others = b.match(number) ?? [];
  return (a.match(number) ?? []).every(
    (text, index) => Math.abs(Number(text) - Number(others[index])) <= 1e-6 * Math.max(1, Math.abs(Number(text))),
  );
}

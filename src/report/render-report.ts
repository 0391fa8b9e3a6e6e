/**
 * Renders what aggregate wrote: an overview, a page for each question, and beside them every figure as SVG
 * and PNG with its data. Importing this module loads vega, which takes a moment: import it only when there is something
 * to draw.
 */
import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { replaceFile } from '../base/atomic-file.ts';
import { fileFailure } from '../base/file-failure.ts';
import { visible } from '../base/visible-text.ts';
import type { JsonObject } from '../base/json.ts';
import { drawPng, drawSvg, onWhite } from './chart.ts';
import { withoutLanguage } from './above-floor.ts';
import { csv } from './csv.ts';
import type { Origin } from './origin.ts';
import { Html } from './page/html.ts';
import type { DrawnFigure, DrawnPlot } from './page/figure-view.ts';
import { overviewPage } from './page/overview.ts';
import { OVERVIEW } from './page/shell.ts';
import { runRows } from './page/tables.ts';
import { topicPage, type DrawnPage, type Section } from './page/topic-page.ts';
import { readResults, type StudyResults } from './read-results.ts';
import { OVERVIEW_FIGURE, QUESTIONS, type Page, type PlacedFigure } from './registry.ts';
import { studySummary } from './summary.ts';
import { scalingText } from './wording.ts';

export interface ReportRequest {
  /** results.json of the stage aggregate. */
  resultsPath: string;
  /** Folder to write into; created if missing. In its `figures` folder nothing else stays. */
  outDir: string;
  /** Where the nodes behind the results ran, if their records are at hand. */
  origin?: Origin | undefined;
  /** Write every figure into files of its own, too, to which the pages link; they hold the pictures themselves. */
  figureFiles?: boolean;
  /** Gives it up between two figures. */
  signal?: AbortSignal | undefined;
}

/** A figure that is missing in a report, by the ends of its files' names, and why. */
export interface FailedFigure {
  id: string;
  reason: string;
}

export interface RenderedReport {
  /** Absolute or relative as `outDir` was: the overview. */
  html: string;
  /** Every file written, the pages included. */
  files: string[];
  /** Figures that could not be drawn: the pages say so in their place. */
  failed: FailedFigure[];
  /** The study in numbers, as `swp repro --json` prints it. */
  highlights: JsonObject;
}

/**
 * Equal results of equal origin give equal files, byte for byte.
 * @throws SwpError of kind `file` if something cannot be read or written, `content` if the file holds no results
 */
export async function renderReport({
  resultsPath,
  outDir,
  origin,
  figureFiles = true,
  signal,
}: ReportRequest): Promise<RenderedReport> {
  const results = await readResults(resultsPath);
  const glance = await drawFigure(results, OVERVIEW_FIGURE, signal);
  const drawn = await Promise.all(QUESTIONS.map((page) => drawPage(results, page, signal)));
  const content = await readFile(resultsPath);
  const digest = createHash('sha256').update(content).digest('hex');
  const figures = [glance, ...drawn.flatMap(({ sections }) => sections.map(({ figure }) => figure))];
  const failed = [...new Set(figures.flatMap((figure) => figure.failed))];
  const made = { digest, origin, failed };
  for (const figure of figures) figure.hasFiles = figureFiles;
  try {
    const folder = join(outDir, 'figures');
    await (figureFiles ? clearForFiles(folder) : rm(folder, { recursive: true, force: true }));
    await mkdir(outDir, { recursive: true });
    const files: string[] = [];
    for (const figure of figureFiles ? figures : []) {
      await hearSignals(signal);
      const caption = [figure.caption, figure.method ?? '', scalingText(results.study)].join(' ').replace('  ', ' ');
      const writing = figure.plots.flatMap(({ rows, ...plot }) =>
        writePlot(join(folder, plot.id), { ...plot, rows: withoutLanguage(rows, results) }, caption),
      );
      files.push(...(await Promise.all(writing)));
    }
    if (figureFiles) await removeOthers(folder, new Set(files.map((file) => basename(file))));
    const pages = await Promise.all(
      drawn.map((each) => written(join(outDir, each.page.file), topicPage(results, each, made))),
    );
    const runs = await written(join(outDir, 'runs.csv'), csv(withoutLanguage(runRows(results), results)));
    const copy = await written(join(outDir, 'results.json'), content);
    // last: it links to all others
    const html = await written(join(outDir, OVERVIEW), overviewPage(results, glance, made));
    const { highlights } = studySummary(results);
    return { html, files: [html, ...pages, copy, runs, ...files].sort(), failed, highlights };
  } catch (error) {
    const { path = outDir } = error as NodeJS.ErrnoException;
    throw fileFailure(error, path, 'write', 'Free space or choose another folder for the report.');
  }
}

/** Makes the folder of figures, and removes what stands in the place of a file. Another run may be writing there. */
async function clearForFiles(folder: string): Promise<void> {
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (!entry.isFile()) await rm(join(folder, entry.name), { recursive: true, force: true });
}

/** Removes figures of earlier results; what another run is about to put there has the ending of a part. */
async function removeOthers(folder: string, names: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder))
    if (!names.has(name) && !name.endsWith('.part')) await rm(join(folder, name), { force: true });
}

/** One plot that cannot be drawn takes no other with it. */
async function drawFigure(results: StudyResults, placed: PlacedFigure, signal?: AbortSignal): Promise<DrawnFigure> {
  await hearSignals(signal);
  const [first] = placed.ids.values();
  const { value: figure, failed } = attempt(first!, () => placed.entry.draw(results));
  if (figure === undefined) return { title: first!, caption: '', plots: [], failed, hasFiles: true };
  const plots: DrawnPlot[] = [];
  for (const plot of figure.plots) {
    const id = placed.ids.get(plot.name)!;
    try {
      plots.push({ ...plot, id, svg: await drawSvg(plot.spec, id) });
    } catch (error) {
      failed.push({ id, reason: reasonOf(error) });
    }
  }
  return { ...figure, plots, failed, hasFiles: true };
}

/** @param id of the figure that is to be made */
function attempt<Value>(id: string, make: () => Value): { value?: Value; failed: FailedFigure[] } {
  try {
    return { value: make(), failed: [] };
  } catch (error) {
    return { failed: [{ id, reason: reasonOf(error) }] };
  }
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}

/** Figures without anything to draw are left out: what is missing is then said in a sentence. */
async function drawPage(results: StudyResults, page: Page, signal?: AbortSignal): Promise<DrawnPage> {
  const sections: Section[] = [];
  for (const placed of page.figures) {
    const figure = await drawFigure(results, placed, signal);
    if (figure.plots.length === 0) {
      if (figure.failed.length > 0) sections.push({ figure, finding: '', tables: [] });
      continue;
    }
    const { value: words, failed } = attempt([...placed.ids.values()][0]!, () => ({
      finding: placed.entry.finding(results),
      tables: (placed.entry.tables?.(results) ?? []).filter((each) => each instanceof Html),
    }));
    figure.failed.push(...failed);
    sections.push({ figure, finding: words?.finding ?? '', tables: words?.tables ?? [] });
  }
  const drawn = new Set(sections.flatMap(({ figure }) => figure.plots.map(({ name }) => name)));
  return { page, sections, gaps: page.gaps(results, drawn) };
}

/** Drawing keeps the processor busy: in between, Ctrl-C has to be heard. */
async function hearSignals(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  signal?.throwIfAborted();
}

function writePlot(stem: string, { id, alt, rows, svg }: DrawnPlot, caption: string): Promise<string>[] {
  const standalone = onWhite(svg);
  return [
    written(`${stem}.svg`, standalone),
    written(`${stem}.png`, drawPng(standalone)),
    written(`${stem}.csv`, csv(rows)),
    written(`${stem}.json`, visible(`${JSON.stringify({ id, caption, alt, rows }, null, 1)}\n`)),
  ];
}

async function written(path: string, content: string | Uint8Array): Promise<string> {
  await replaceFile(path, content);
  return path;
}

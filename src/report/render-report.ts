/**
 * Renders what aggregate wrote: an overview, a page for each of the six questions, and beside them every figure as SVG
 * and PNG with its data. Importing this module loads vega, which takes a moment: import it only when there is something
 * to draw.
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SwpError } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';
import { drawPng, drawSvg, onWhite } from './chart.ts';
import { csv } from './csv.ts';
import { atAGlance } from './figures/at-a-glance.ts';
import type { Figure } from './figures/figure.ts';
import type { Origin } from './origin.ts';
import type { DrawnFigure, DrawnPlot } from './page/figure-view.ts';
import { overviewPage } from './page/overview.ts';
import { OVERVIEW } from './page/shell.ts';
import { runRows } from './page/tables.ts';
import { topicPage, type DrawnAnswer } from './page/topic-page.ts';
import { readResults } from './read-results.ts';
import { studySummary } from './summary.ts';
import { answers } from './topics/answers.ts';
import { pageName, type Answer } from './topics/topic.ts';

export interface ReportRequest {
  /** results.json of the stage aggregate. */
  resultsPath: string;
  /** Folder to write into; created if missing. Its `figures` folder is replaced. */
  outDir: string;
  /** Where the nodes behind the results ran, if their records are at hand. */
  origin?: Origin | undefined;
}

export interface RenderedReport {
  /** Absolute or relative as `outDir` was: the overview. */
  html: string;
  /** Every file written, the pages included. */
  files: string[];
  /** The study in numbers, as `swp repro --json` prints it. */
  highlights: JsonObject;
}

/**
 * Equal results of equal origin give equal files, byte for byte.
 * @throws SwpError of kind `file` if something cannot be read or written, `content` if the file holds no results
 */
export async function renderReport({ resultsPath, outDir, origin }: ReportRequest): Promise<RenderedReport> {
  const results = await readResults(resultsPath);
  const glance = await drawFigure(atAGlance(results));
  const drawn = await Promise.all(answers(results).map(drawAnswer));
  const digest = createHash('sha256')
    .update(await readFile(resultsPath))
    .digest('hex');
  const figures = [glance, ...drawn.flatMap(({ sections }) => sections.map(({ figure }) => figure))];
  const made = { digest, origin };
  try {
    await rm(join(outDir, 'figures'), { recursive: true, force: true });
    await mkdir(join(outDir, 'figures'), { recursive: true });
    const files = await Promise.all(
      figures.flatMap(({ caption, plots }) =>
        plots.flatMap((plot) => writePlot(join(outDir, 'figures', plot.id), plot, caption)),
      ),
    );
    const pages = await Promise.all(
      drawn.map((answer) => written(join(outDir, pageName(answer.topic)), topicPage(results, answer, made))),
    );
    const runs = await written(join(outDir, 'runs.csv'), csv(runRows(results)));
    const copy = join(outDir, 'results.json');
    await copyFile(resultsPath, copy);
    // last: it links to all others
    const html = await written(join(outDir, OVERVIEW), overviewPage(results, glance, drawn, made));
    return { html, files: [html, ...pages, copy, runs, ...files].sort(), highlights: studySummary(results).highlights };
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new SwpError(
      {
        kind: 'file',
        path: path ?? outDir,
        operation: 'write',
        code,
        remedy: 'Free space or choose another folder for the report.',
      },
      { cause: error },
    );
  }
}

async function drawFigure(figure: Figure): Promise<DrawnFigure> {
  const plots: DrawnPlot[] = [];
  for (const plot of figure.plots) plots.push({ ...plot, svg: await drawSvg(plot.spec) });
  return { ...figure, plots };
}

async function drawAnswer(answer: Answer): Promise<DrawnAnswer> {
  const { sections, gaps } = answer.content();
  const drawn = [];
  for (const section of sections) drawn.push({ ...section, figure: await drawFigure(section.figure) });
  return { ...answer, sections: drawn, gaps };
}

function writePlot(stem: string, { id, alt, rows, svg }: DrawnPlot, caption: string): Promise<string>[] {
  const standalone = onWhite(svg);
  return [
    written(`${stem}.svg`, standalone),
    written(`${stem}.png`, drawPng(standalone)),
    written(`${stem}.csv`, csv(rows)),
    written(`${stem}.json`, `${JSON.stringify({ id, caption, alt, rows }, null, 1)}\n`),
  ];
}

async function written(path: string, content: string | Uint8Array): Promise<string> {
  await writeFile(path, content);
  return path;
}

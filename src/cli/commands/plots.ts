/** swp plots: the report's figures in the terminal, from the study's results. */
import { SwpError } from '../../base/failure.ts';
import { nearestName, quoted } from '../../base/nearest-name.ts';
import { drawCurves, drawQuality, drawSparsity, drawSurvival } from '../../plots/draw.ts';
import type { Ink } from '../../plots/ink.ts';
import { curveRows, qualityRows, sparsityRows, survivalRows } from '../../plots/plot-data.ts';
import { figureFiles, resultsToDraw } from '../../project/figures.ts';
import { openProject } from '../../project/project.ts';
import { distinct, namesOf } from '../../report/arms.ts';
import type { StudyResults } from '../../report/read-results.ts';
import { PLOTS, type PlotName, type PlotsOptions } from '../declarations/plots.ts';
import { ownSequences } from '../styles.ts';
import { table } from '../table.ts';
import { requireCache } from '../../project/missing-cache.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

const PLOT_NAMES = Object.keys(PLOTS) as PlotName[];

/** How each plot gets its rows from the results, and its lines from the rows. */
const DRAWINGS = {
  quality: drawing(qualityRows, drawQuality),
  sparsity: drawing(sparsityRows, drawSparsity),
  survival: drawing(survivalRows, drawSurvival),
  curves: drawing(curveRows, (rows, ink, floor) => drawCurves(rows, floor, ink)),
} satisfies Record<PlotName, unknown>;

/** Experiments that are the same computations are drawn once, under all their names. */
function drawing<Row extends { experiment: string }>(
  rowsOf: (results: StudyResults) => Row[],
  draw: (rows: Row[], ink: Ink, floor: number | null) => string[] | Promise<string[]>,
) {
  return {
    rows: rowsOf,
    lines: async (results: StudyResults, ink: Ink): Promise<string[]> => {
      const ids = distinct(
        results,
        results.experiments.map(({ id }) => id),
      );
      const rows = rowsOf(results).flatMap((row) =>
        ids.includes(row.experiment) ? [{ ...row, experiment: namesOf(results, row.experiment) }] : [],
      );
      return rows.length === 0 ? ['Nothing to draw: no run has measured it.'] : draw(rows, ink, results.floor);
    },
  };
}

export async function plots(words: string[], options: PlotsOptions): Promise<void> {
  const names = chosenPlots(words);
  const terminal = openTerminal();
  const project = await openProject(options);
  if (!options.list) requireCache(options);
  const { folder, files } = figureFiles(project);
  if (options.list) return writeList(files, options, terminal);
  const results = await resultsToDraw(project, options.experiment);
  if (options.json) {
    const asked = PLOT_NAMES.filter((name) => names.includes(name));
    const plots = Object.fromEntries(asked.map((name) => [name, DRAWINGS[name].rows(results)]));
    return terminal.line(JSON.stringify({ floor: results.floor, surprisal: results.surprisal, plots }));
  }
  const ink: Ink = {
    colors: terminal.colors,
    width: Math.max(50, terminal.width),
    ascii: !terminal.interactive,
    adopt: ownSequences,
  };
  for (const [index, name] of names.entries()) {
    if (index > 0) terminal.line();
    terminal.line(terminal.colors.bold(PLOTS[name]));
    for (const line of await DRAWINGS[name].lines(results, ink)) terminal.line(line);
  }
  terminal.line();
  terminal.line(
    files.length === 0
      ? '`swp report` renders these figures as SVG, PNG and CSV.'
      : terminal.colors.dim(`The report's figures and their data: ${folder}`),
  );
}

/** @throws SwpError of kind `usage` if there is no plot of that name */
function chosenPlots(words: string[]): PlotName[] {
  const unknown = words.find((word) => !(PLOT_NAMES as string[]).includes(word));
  if (unknown !== undefined)
    throw new SwpError({
      kind: 'usage',
      message: `There is no plot ${quoted(unknown)}.`,
      expected: `some of ${PLOT_NAMES.join(', ')}`,
      suggestion: nearestName(unknown, PLOT_NAMES),
    });
  return words.length === 0 ? PLOT_NAMES.filter((name) => name !== 'curves') : (words as PlotName[]);
}

function writeList(files: string[], options: PlotsOptions, terminal: Terminal): void {
  if (options.json)
    return terminal.line(
      JSON.stringify({ plots: Object.entries(PLOTS).map(([name, shows]) => ({ name, shows })), files }),
    );
  for (const line of table(
    ['plot', 'shows'],
    Object.entries(PLOTS).map(([name, shows]) => [name, shows]),
    terminal.colors,
  ))
    terminal.line(line);
  terminal.line();
  terminal.line(
    files.length === 0
      ? 'The report has not been rendered: `swp report` writes SVG, PNG and CSV files.'
      : 'Files of the report:',
  );
  for (const file of files) terminal.line(`  ${file}`);
}

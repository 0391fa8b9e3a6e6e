/** swp plots: the report's figures in the terminal, from the study's results. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Ink } from '../../plots/ink.ts';
import type { CurveRow, QualityRow, SparsityRow, SurvivalRow } from '../../plots/plot-data.ts';
import { SwpError } from '../../base/failure.ts';
import type { StudyResults } from '../../report/read-results.ts';
import { withStudyOptions } from '../help.ts';
import type { Project } from '../../project/project.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

interface PlotsOptions extends ProjectOptions {
  list?: boolean;
  experiment?: string;
}

/** Each with what it shows. */
const PLOTS = {
  quality:
    'Final log-perplexity above the entropy of the language, nats per token: every seed, and the t interval of the mean',
  sparsity: 'Log-perplexity above the entropy after retraining, by sparsity: every seed',
  survival: 'What became of the super weight by the end: k of n runs, with exact intervals',
  curves: 'Training loss by cumulative step: one line a seed',
} as const;
type PlotName = keyof typeof PLOTS;

export function declarePlots(program: Command): Command {
  const command = program
    .command('plots')
    .description("Draw the report's figures in the terminal.")
    .argument('[names...]', `which: ${Object.keys(PLOTS).join(', ')} (default: the first three)`)
    .option('--experiment <names>', 'only these experiments, with globs, e.g. A1,B*')
    .option('--list', 'say which plots there are, and where the files of the report are')
    .addHelpText(
      'after',
      `
Examples:
  swp plots
  swp plots curves --experiment A1
  swp plots quality --profile table
  swp plots --list                 what there is, and the report's SVG, PNG and CSV files
  swp plots quality --json         {"plots":{"quality":[{experiment, points:[{seed, value}], mean, interval}]}}

COLUMNS sets the width, NO_COLOR switches colours off. Without a terminal all of it is plain ASCII.`,
    )
    .action(draw);
  return withStudyOptions(command);
}

async function draw(words: string[], options: PlotsOptions): Promise<void> {
  const names = await chosen(words);
  const terminal = openTerminal();
  const { openProject } = await import('../../project/project.ts');
  const project = await openProject(options);
  const files = await figureFiles(project);
  if (options.list) return writeList(files, options, terminal);
  const results = await readStudyResults(project, options.experiment);
  const data = await plotData(results, names);
  if (options.json) return terminal.line(JSON.stringify({ floor: results.floor, plots: data }));
  const ink: Ink = { colors: terminal.colors, width: Math.max(50, terminal.width), ascii: !terminal.interactive };
  for (const [index, name] of names.entries()) {
    if (index > 0) terminal.line();
    terminal.line(terminal.colors.bold(PLOTS[name]));
    for (const line of await drawn(name, data, results.floor, ink)) terminal.line(line);
  }
  terminal.line();
  terminal.line(
    files.length === 0
      ? '`swp report` renders these figures as SVG, PNG and CSV.'
      : terminal.colors.dim(
          `The report's figures and their data: ${join((await import('../../project/study-report.ts')).reportFolder(project), 'figures')}`,
        ),
  );
}

async function chosen(words: string[]): Promise<PlotName[]> {
  const known = Object.keys(PLOTS) as PlotName[];
  const unknown = words.find((word) => !(known as string[]).includes(word));
  if (unknown !== undefined) {
    const { nearestName } = await import('../../base/nearest-name.ts');
    throw new SwpError({
      kind: 'usage',
      message: `There is no plot "${unknown}".`,
      expected: `some of ${known.join(', ')}`,
      suggestion: nearestName(unknown, known),
    });
  }
  return words.length === 0 ? known.filter((name) => name !== 'curves') : (words as PlotName[]);
}

/** @throws SwpError of kind `usage` before there are any, or if no experiment is meant */
async function readStudyResults(project: Project, experiments: string | undefined): Promise<StudyResults> {
  const [{ latestResults, resultsKey }, { readResults }] = await Promise.all([
    import('../../project/study-report.ts'),
    import('../../report/read-results.ts'),
  ]);
  const key = resultsKey(project);
  const artifact = key === undefined ? undefined : (await latestResults(project, key))?.artifacts.results;
  if (artifact === undefined)
    throw new SwpError({
      kind: 'usage',
      message: `There are no results of profile "${project.study.profile.name}" yet.`,
      expected: '`swp repro` first',
    });
  await project.cache.verify(artifact);
  const results = await readResults(project.cache.artifactPath(artifact));
  if (experiments === undefined) return results;
  const { default: picomatch } = await import('picomatch');
  const isMeant = picomatch(experiments.split(','));
  const meant = results.experiments.filter(({ id }) => isMeant(id));
  if (meant.length === 0)
    throw new SwpError({
      kind: 'usage',
      message: `No experiment is "${experiments}".`,
      expected: `some of ${results.experiments.map(({ id }) => id).join(', ')}`,
    });
  return { ...results, experiments: meant, runs: results.runs.filter(({ experiment }) => isMeant(experiment)) };
}

type PlotData = Partial<{
  quality: QualityRow[];
  sparsity: SparsityRow[];
  survival: SurvivalRow[];
  curves: CurveRow[];
}>;

async function plotData(results: StudyResults, names: readonly PlotName[]): Promise<PlotData> {
  const { curveRows, qualityRows, sparsityRows, survivalRows } = await import('../../plots/plot-data.ts');
  return {
    ...(names.includes('quality') && { quality: qualityRows(results) }),
    ...(names.includes('sparsity') && { sparsity: sparsityRows(results) }),
    ...(names.includes('survival') && { survival: survivalRows(results) }),
    ...(names.includes('curves') && { curves: curveRows(results) }),
  };
}

async function drawn(name: PlotName, data: PlotData, floor: number | null, ink: Ink): Promise<string[]> {
  const { drawCurves, drawQuality, drawSparsity, drawSurvival } = await import('../../plots/draw.ts');
  if ((data[name]?.length ?? 0) === 0) return ['Nothing to draw: no run has measured it.'];
  if (name === 'quality') return drawQuality(data.quality!, ink);
  if (name === 'sparsity') return drawSparsity(data.sparsity!, ink);
  if (name === 'survival') return drawSurvival(data.survival!, ink);
  return drawCurves(data.curves!, floor, ink);
}

/** What the report has drawn, if it was rendered. */
async function figureFiles(project: Project): Promise<string[]> {
  const { reportFolder } = await import('../../project/study-report.ts');
  const folder = join(reportFolder(project), 'figures');
  return existsSync(folder)
    ? readdirSync(folder)
        .sort()
        .map((name) => join(folder, name))
    : [];
}

async function writeList(files: string[], options: PlotsOptions, terminal: Terminal): Promise<void> {
  if (options.json)
    return terminal.line(
      JSON.stringify({ plots: Object.entries(PLOTS).map(([name, shows]) => ({ name, shows })), files }),
    );
  const { table } = await import('../table.ts');
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

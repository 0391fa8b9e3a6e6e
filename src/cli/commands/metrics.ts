/**
 * swp metrics: what records say was measured, as a table by experiment, seed, round and step; and between two
 * experiments.
 */
import type { Command } from 'commander';
import { SwpError } from '../../base/failure.ts';
import type { Metrics, NodeLabel } from '../../engine/stage.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';
import type { Project } from '../../project/project.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

interface MetricsOptions extends ProjectOptions {
  columns?: string;
  csv?: boolean;
}

/** What one place of the study measured. */
interface MetricsRow extends NodeLabel {
  stage: string;
  key: string;
  metrics: Metrics;
}

/** One metric of two experiments at the same seed, round and step. */
interface MetricChange {
  seed: number;
  round: number;
  step: string;
  metric: string;
  a: Metrics[string];
  b: Metrics[string];
  /** b - a; null unless both are numbers. */
  change: number | null;
}

export function declareMetrics(program: Command): Command {
  const command = program
    .command('metrics')
    .description('Show what was measured, by experiment, seed, round and step.')
    .argument('[selectors...]', 'only these nodes, e.g. stage=eval experiment=A1')
    .option('--columns <names>', 'only these metrics, with globs, e.g. loss,sparsity')
    .option('--csv', 'one table of comma-separated values')
    .addHelpText(
      'after',
      `
Examples:
  swp metrics stage=eval                           a table of every evaluation
  swp metrics experiment=A1 --columns 'loss,spars*'
  swp metrics stage=eval --csv > evaluations.csv
  swp metrics diff A1 B1                           what differs between two experiments, seed by seed
  swp metrics --json                               {"rows":[{experiment, seed, round, step, stage, key, metrics}]}

Every stage has its own table; with --csv there is one, with the columns of all. A place without a result is left out,
and counted at the end.
${SELECTOR_HELP}`,
    )
    .action(metrics);
  const diff = command
    .command('diff')
    .description('Show how the metrics of two experiments differ, seed by seed.')
    .argument('<a>', 'an experiment')
    .argument('<b>', 'another one')
    .option('--columns <names>', 'only these metrics, with globs')
    .option('--csv', 'comma-separated values')
    .addHelpText(
      'after',
      `
Examples:
  swp metrics diff A1 B1 --columns loss
  swp metrics diff A1 B1 --json    {"experiments":[a, b], "changes":[{seed, round, step, metric, a, b, change}]}

change is b - a. Places that both share are left out: they are one node. swp diff says what the two do differently.`,
    )
    .action((a: string, b: string, _options: MetricsOptions, self: Command) =>
      metricsDiff(a, b, self.optsWithGlobals<MetricsOptions>()),
    );
  withStudyOptions(diff);
  return withStudyOptions(command);
}

async function metrics(words: string[], options: MetricsOptions): Promise<void> {
  const terminal = openTerminal();
  const project = await (await import('../../project/project.ts')).openProject(options);
  const { rows, lacking } = await readRows(project, words, options.columns);
  if (options.json) return terminal.line(JSON.stringify({ rows, lacking }));
  if (options.csv)
    return writeCsv(
      rows.map(({ experiment, seed, round, step, stage, key, metrics }) => ({
        experiment,
        seed,
        round,
        step,
        stage,
        key,
        ...metrics,
      })),
    );
  await writeTables(rows, terminal);
  if (lacking > 0)
    terminal.errorLine(
      `${lacking.toLocaleString('en')} selected ${lacking === 1 ? 'place has' : 'places have'} no result yet: \`swp repro\` computes ${lacking === 1 ? 'it' : 'them'}.`,
    );
}

/** Places of runs, in the order of the study; those of the whole study, such as aggregate, are none of a run. */
async function readRows(
  project: Project,
  words: readonly string[],
  columns: string | undefined,
): Promise<{ rows: MetricsRow[]; lacking: number }> {
  const [{ default: picomatch }, { planProject }, { parseSelector, selectPlaces }, { WHOLE_STUDY }] = await Promise.all(
    [
      import('picomatch'),
      import('../../project/project.ts'),
      import('../../pipeline/selector.ts'),
      import('../../pipeline/whole-study.ts'),
    ],
  );
  const planned = await planProject(project);
  const places = selectPlaces(
    [...planned.nodes.values()].map(({ node }) => node),
    parseSelector(words),
  ).filter(({ label }) => label.experiment !== WHOLE_STUDY);
  const order = new Map(project.study.experiments.map(({ id }, index) => [id, index]));
  const steps = new Map(project.study.steps.map(({ name }, index) => [name, index]));
  const isShown = columns === undefined ? () => true : picomatch(columns.split(','));
  const names = new Set<string>();
  let lacking = 0;
  const rows = places.flatMap(({ node, label }): MetricsRow[] => {
    const { state, record } = planned.nodes.get(node.key)!;
    if (state !== 'cached') lacking++;
    if (state !== 'cached' || record === undefined) return [];
    for (const name of Object.keys(record.metrics)) names.add(name);
    const shown = Object.entries(record.metrics).filter(([name]) => isShown(name));
    return shown.length === 0 && columns !== undefined
      ? []
      : [{ ...label, stage: node.stage.name, key: node.key, metrics: Object.fromEntries(shown) }];
  });
  if (columns !== undefined && rows.length === 0 && names.size > 0)
    throw new SwpError({
      kind: 'usage',
      message: `No selected node has a metric ${columns}.`,
      expected: `some of ${[...names].sort().join(', ')}`,
    });
  const byPlace = (a: MetricsRow, b: MetricsRow) =>
    order.get(a.experiment)! - order.get(b.experiment)! ||
    a.seed - b.seed ||
    a.round - b.round ||
    steps.get(a.step)! - steps.get(b.step)!;
  return { rows: rows.sort(byPlace), lacking };
}

async function writeTables(rows: readonly MetricsRow[], terminal: Terminal): Promise<void> {
  const { table } = await import('../table.ts');
  const stages = [...new Set(rows.map(({ stage }) => stage))];
  for (const [index, stage] of stages.entries()) {
    const own = rows.filter((row) => row.stage === stage);
    const names = [...new Set(own.flatMap(({ metrics }) => Object.keys(metrics)))];
    if (index > 0) terminal.line();
    if (stages.length > 1) terminal.line(terminal.colors.bold(stage));
    const cells = own.map(({ experiment, seed, round, step, metrics }) => [
      experiment,
      String(seed),
      String(round),
      step,
      ...names.map((name) => valueText(metrics[name])),
    ]);
    for (const line of table(['experiment', 'seed', 'round', 'step', ...names], cells, terminal.colors))
      terminal.line(line);
  }
}

async function metricsDiff(a: string, b: string, options: MetricsOptions): Promise<void> {
  const [{ openProject }, { nearestName }] = await Promise.all([
    import('../../project/project.ts'),
    import('../../base/nearest-name.ts'),
  ]);
  const project = await openProject(options);
  const ids = project.study.experiments.map(({ id }) => id);
  for (const id of [a, b])
    if (!ids.includes(id))
      throw new SwpError({
        kind: 'usage',
        message: `There is no experiment "${id}" in profile "${project.study.profile.name}".`,
        expected: `one of ${ids.join(', ')}`,
        suggestion: nearestName(id, ids),
      });
  const { rows } = await readRows(project, [], options.columns);
  const changes = changesBetween(rows, a, b);
  const terminal = openTerminal();
  if (options.json) return terminal.line(JSON.stringify({ experiments: [a, b], changes }));
  if (options.csv) return writeCsv(changes.map((change) => ({ ...change })));
  if (changes.length === 0)
    return terminal.line(
      `${a} and ${b} have no result in common that differs in its node: see \`swp diff ${a} ${b}\` and \`swp status\`.`,
    );
  const { table } = await import('../table.ts');
  const cells = changes.map(({ seed, round, step, metric, a: before, b: after, change }) => [
    `${seed}`,
    `${round}`,
    step,
    metric,
    valueText(before),
    valueText(after),
    change === null ? '' : valueText(change),
  ]);
  for (const line of table(['seed', 'round', 'step', 'metric', a, b, 'change'], cells, terminal.colors))
    terminal.line(line);
}

function changesBetween(rows: readonly MetricsRow[], a: string, b: string): MetricChange[] {
  const placeOf = ({ seed, round, step }: MetricsRow) => `${seed} ${round} ${step}`;
  const others = new Map(rows.filter(({ experiment }) => experiment === b).map((row) => [placeOf(row), row]));
  return rows
    .filter(({ experiment }) => experiment === a)
    .flatMap((row) => {
      const other = others.get(placeOf(row));
      if (other === undefined || other.key === row.key) return [];
      const names = [...new Set([...Object.keys(row.metrics), ...Object.keys(other.metrics)])];
      return names.map((metric): MetricChange => {
        const [before, after] = [row.metrics[metric] ?? null, other.metrics[metric] ?? null];
        return {
          seed: row.seed,
          round: row.round,
          step: row.step,
          metric,
          a: before,
          b: after,
          change: typeof before === 'number' && typeof after === 'number' ? after - before : null,
        };
      });
    });
}

async function writeCsv(rows: readonly Record<string, Metrics[string]>[]): Promise<void> {
  const { csv } = await import('../../report/csv.ts');
  process.stdout.write(csv(rows));
}

/** Five significant digits: losses of similar models differ in the fourth. */
function valueText(value: Metrics[string] | undefined): string {
  if (typeof value !== 'number') return value === undefined || value === null ? '-' : String(value);
  return Number.isInteger(value) ? value.toLocaleString('en') : String(Number(value.toPrecision(5)));
}

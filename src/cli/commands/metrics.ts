/**
 * swp metrics: what records say was measured, as a table by experiment, seed, round and step; and between two
 * experiments.
 */
import { entryOf } from '../../base/json.ts';
import { significant } from '../../base/number-text.ts';
import type { Metrics } from '../../engine/stage.ts';
import { compareMetrics, readMetrics } from '../../project/metrics.ts';
import type { MetricChange, MetricsRow } from '../../project/node-rows.ts';
import { openProject } from '../../project/project.ts';
import { csv } from '../../report/csv.ts';
import type { MetricsOptions } from '../declarations/metrics.ts';
import { warningText } from '../failure-text.ts';
import { table } from '../table.ts';
import { noteMissingCache } from '../missing-cache-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

export async function metrics(words: string[], options: MetricsOptions): Promise<void> {
  const terminal = openTerminal();
  noteMissingCache(options, terminal);
  const { rows, lacking, blocked, warnings } = await readMetrics(await openProject(options), words, options.columns);
  for (const warning of warnings) terminal.errorLines(warningText(warning, terminal.colors));
  if (options.json) return terminal.line(JSON.stringify({ rows, lacking, blocked }));
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
  writeTables(rows, terminal);
  if (lacking > 0) terminal.errorLine(lackingText(lacking, blocked));
}

export async function metricsDiff(a: string, b: string, options: MetricsOptions): Promise<void> {
  const changes = await compareMetrics(await openProject(options), a, b, options.columns);
  const terminal = openTerminal();
  noteMissingCache(options, terminal);
  if (options.json) return terminal.line(JSON.stringify({ experiments: [a, b], changes }));
  if (options.csv) return writeCsv(changes.map((change) => ({ ...change })));
  writeChanges(changes, a, b, terminal);
}

function lackingText(lacking: number, blocked: number): string {
  const places = `${lacking.toLocaleString('en')} selected ${lacking === 1 ? 'place has' : 'places have'} no result yet`;
  const rest = lacking - blocked;
  const [computed, waiting] = [rest === 1 ? 'it' : 'them', blocked === 1 ? 'It is' : 'They are'];
  if (blocked === 0) return `${places}: \`swp repro\` computes ${computed}.`;
  if (rest === 0) return `${places}. ${waiting} blocked: \`swp status\` says by what.`;
  return `${places}: \`swp repro\` computes ${rest.toLocaleString('en')}; ${blocked.toLocaleString('en')} blocked, \`swp status\` says by what.`;
}

function writeTables(rows: readonly MetricsRow[], terminal: Terminal): void {
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
      ...names.map((name) => valueText(entryOf(metrics, name))),
    ]);
    for (const line of table(['experiment', 'seed', 'round', 'step', ...names], cells, terminal.colors))
      terminal.line(line);
  }
}

function writeChanges(changes: readonly MetricChange[], a: string, b: string, terminal: Terminal): void {
  if (changes.length === 0)
    return terminal.line(
      `${a} and ${b} have no result in common that differs in its node: see \`swp diff ${a} ${b}\` and \`swp status\`.`,
    );
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

function writeCsv(rows: readonly Record<string, Metrics[string]>[]): void {
  process.stdout.write(csv(rows));
}

/** Five significant digits: losses of similar models differ in the fourth. */
function valueText(value: Metrics[string] | undefined): string {
  if (typeof value !== 'number') return value === undefined || value === null ? '-' : String(value);
  return Number.isInteger(value) ? value.toLocaleString('en') : significant(value, 5, [1]);
}

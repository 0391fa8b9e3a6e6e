/** What was measured, by experiment, seed, round and step; and how it differs between two experiments. */
import { entryOf } from '../base/json.ts';
import { SwpError, type Failure } from '../base/failure.ts';
import { globMatcher } from '../base/glob.ts';
import { parseSelector, selectPlaces } from '../pipeline/selector.ts';
import { experimentNamed } from './comparison.ts';
import type { MetricChange, MetricsRow } from './node-rows.ts';
import { isOfWholeStudy } from './nodes.ts';
import { planProject, type Project } from './project.ts';

/**
 * Places of runs, in the order of the study; those of the whole study, such as aggregate, are none of a run.
 * @param columns names of metrics with globs, separated by commas; all if absent
 * @returns with how many of the selected places have no result, how many of those are blocked, and what planning warns
 *   of, such as damaged records
 * @throws SwpError of kind `usage` if no selected node has such a metric
 */
export async function readMetrics(
  project: Project,
  words: readonly string[],
  columns: string | undefined,
): Promise<{ rows: MetricsRow[]; lacking: number; blocked: number; warnings: Failure[] }> {
  const planned = await planProject(project);
  const places = selectPlaces(
    [...planned.nodes.values()].map(({ node }) => node),
    parseSelector(words),
  ).filter(({ label }) => !isOfWholeStudy(label));
  const isShown = columns === undefined ? () => true : globMatcher(columns.split(','));
  const names = new Set<string>();
  let [lacking, blocked] = [0, 0];
  const rows = places.flatMap(({ node, label }): MetricsRow[] => {
    const { state, record } = planned.nodes.get(node.key)!;
    if (state !== 'cached') lacking++;
    if (state === 'blocked') blocked++;
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
  return { rows: rows.sort(orderOf(project)), lacking, blocked, warnings: planned.warnings };
}

function orderOf({ study }: Project): (a: MetricsRow, b: MetricsRow) => number {
  const experiments = new Map(study.experiments.map(({ id }, index) => [id, index]));
  const steps = new Map(study.steps.map(({ name }, index) => [name, index]));
  return (a, b) =>
    experiments.get(a.experiment)! - experiments.get(b.experiment)! ||
    a.seed - b.seed ||
    a.round - b.round ||
    steps.get(a.step)! - steps.get(b.step)!;
}

/**
 * Place by place; places that both share are left out, since they are one node.
 * @throws SwpError of kind `usage` for an experiment that is not there
 */
export async function compareMetrics(
  project: Project,
  a: string,
  b: string,
  columns: string | undefined,
): Promise<MetricChange[]> {
  for (const id of [a, b]) experimentNamed(project, id);
  const { rows } = await readMetrics(project, [], columns);
  const placeOf = ({ seed, round, step }: MetricsRow) => `${seed} ${round} ${step}`;
  const others = new Map(rows.filter(({ experiment }) => experiment === b).map((row) => [placeOf(row), row]));
  return rows
    .filter(({ experiment }) => experiment === a)
    .flatMap((row) => {
      const other = others.get(placeOf(row));
      return other === undefined || other.key === row.key ? [] : changesBetween(row, other);
    });
}

function changesBetween({ seed, round, step, metrics }: MetricsRow, other: MetricsRow): MetricChange[] {
  const names = [...new Set([...Object.keys(metrics), ...Object.keys(other.metrics)])];
  return names.map((metric) => {
    const [a, b] = [entryOf(metrics, metric) ?? null, entryOf(other.metrics, metric) ?? null];
    const change = typeof a === 'number' && typeof b === 'number' ? b - a : null;
    return { seed, round, step, metric, a, b, change };
  });
}

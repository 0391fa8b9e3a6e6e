/**
 * The DAG as rows and columns: a row per experiment, a column per step and round, all seeds of an experiment in one
 * cell. Experiments that begin with the same nodes form a tree: what they share stands once, in the first row that has
 * it, and the other rows branch off where they differ.
 */
import { addTo } from '../base/groups.ts';
import type { PlannedState } from '../engine/plan.ts';

export interface DagColumn {
  round: number;
  step: string;
  stage: string;
}

export interface DagRow {
  /** Several only if these experiments have all their nodes in common. */
  experiments: string[];
  /** Index of the first column in which it differs from `parent`; before it, the two share their nodes. */
  start: number;
  /** Index of the row from which this one branches off. */
  parent?: number;
  /** By column; undefined where the experiment has no such node. */
  cells: (PlannedState[] | undefined)[];
  /** How many of its nodes are in no row above. */
  ownNodes: number;
}

/**
 * @param nodes producers before consumers; those of no experiment in `experiments` are left out
 * @param experiments names in the order of the study
 * @param steps step names in the order in which they flow
 */
export function arrangeDag(
  nodes: readonly PlannedState[],
  experiments: readonly string[],
  steps: readonly string[],
): { columns: DagColumn[]; rows: DagRow[] } {
  const wanted = new Set(experiments);
  const columns = new Map<string, DagColumn>();
  const cells = new Map<string, Map<string, PlannedState[]>>();
  for (const planned of nodes) {
    for (const { experiment, round, step } of planned.node.labels) {
      if (!wanted.has(experiment)) continue;
      const column = `${round}/${step}`;
      columns.set(column, { round, step, stage: planned.node.stage.name });
      const row = cells.get(experiment) ?? new Map<string, PlannedState[]>();
      cells.set(experiment, row);
      const cell = row.get(column);
      if (cell === undefined) row.set(column, [planned]);
      else if (!cell.includes(planned)) cell.push(planned);
    }
  }
  const order = new Map(steps.map((step, index) => [step, index]));
  const sorted = [...columns.values()].sort(
    (a, b) => a.round - b.round || (order.get(a.step) ?? 0) - (order.get(b.step) ?? 0),
  );
  const lines = experiments
    .filter((id) => cells.has(id))
    .map((id) => ({ id, cells: sorted.map(({ round, step }) => cells.get(id)?.get(`${round}/${step}`)) }));
  const rows: DagRow[] = [];
  branch(lines, 0, undefined, rows);
  countOwnNodes(rows);
  return { columns: sorted, rows };
}

interface Line {
  id: string;
  cells: (PlannedState[] | undefined)[];
}

/** Appends the rows of lines that agree in all columns before `start`. */
function branch(lines: Line[], start: number, parent: number | undefined, rows: DagRow[]): void {
  const [first] = lines;
  if (first === undefined) return;
  // The first line's row runs to its end; the others leave it where they differ, the last to leave first, so that
  // no connection crosses another.
  const row = rows.length;
  const twins = lines.filter((line) => firstDifference(first, line, start) === first.cells.length);
  rows.push({ experiments: twins.map(({ id }) => id), start, parent, cells: first.cells, ownNodes: 0 });
  const leavers = new Map<number, Line[]>();
  for (const line of lines) {
    if (twins.includes(line)) continue;
    const column = firstDifference(first, line, start);
    addTo(leavers, column, line);
  }
  for (const [column, group] of [...leavers].sort(([a], [b]) => b - a)) {
    for (const siblings of groupByCell(group, column)) branch(siblings, column, row, rows);
  }
}

function groupByCell(lines: Line[], column: number): Line[][] {
  const groups = new Map<string, Line[]>();
  for (const line of lines) {
    const signature = signatureOf(line.cells[column]);
    addTo(groups, signature, line);
  }
  return [...groups.values()];
}

function firstDifference(a: Line, b: Line, from: number): number {
  let column = from;
  while (column < a.cells.length && signatureOf(a.cells[column]) === signatureOf(b.cells[column])) column++;
  return column;
}

function signatureOf(cell: PlannedState[] | undefined): string {
  return cell === undefined ? '' : cell.map(({ node }) => node.key).join();
}

function countOwnNodes(rows: DagRow[]): void {
  const seen = new Set<string>();
  for (const row of rows) {
    const before = seen.size;
    for (const cell of row.cells) for (const { node } of cell ?? []) seen.add(node.key);
    row.ownNodes = seen.size - before;
  }
}

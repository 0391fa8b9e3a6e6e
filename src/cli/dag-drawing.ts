/**
 * Draws the DAG for a terminal: dag-rows.ts says what stands where, this file how it looks.
 *
 *         round  0      1       2
 *         nodes  L ID   TD P    TDP
 *     A1     27  ●┬●●───●●┬●────●●○──...
 *     A2     12   │       └○────○○○──...
 *     C1     24   └●●───○○─○────○○○──...
 */
import { largest } from '../base/extremes.ts';
import type { Colors } from 'picocolors/types';
import type { PlannedState } from '../engine/plan.ts';
import stringWidth from 'string-width';
import { wrapped } from './table.ts';
import { arrangeDag, type DagColumn, type DagRow } from './dag-rows.ts';

export interface DagDrawing {
  nodes: readonly PlannedState[];
  /** Experiments and steps by name, in the order of the study. */
  experiments: readonly string[];
  steps: readonly string[];
  /** Columns of the terminal. A wider drawing is cut between rounds and goes on below. */
  width: number;
  colors: Colors;
}

interface Glyph {
  text: string;
  paint: (text: string) => string;
}

const unpainted = (text: string) => text;

/** @returns lines: the drawing, then what its signs mean */
export function drawDag({ nodes, experiments, steps, width, colors }: DagDrawing): string[] {
  const { columns, rows } = arrangeDag(nodes, experiments, steps);
  const letters = stageLetters(columns);
  const layout = layOut(columns, rows);
  const grid = drawRows(rows, layout, colors);
  const labels = rows.map(({ experiments: ids }) => ids.join(' = '));
  const counts = rows.map(({ ownNodes }) => `${ownNodes}`);
  const labelWidth = Math.max(0, largest(labels.map((label) => label.length)));
  const countWidth = Math.max(5, largest(counts.map((count) => count.length)));
  const margin = labelWidth + 1 + countWidth + 2;

  const lines: string[] = [];
  for (const [index, { from, to }] of cutIntoBands(layout, width - margin).entries()) {
    const heads = headLines(columns, layout, letters, from, to);
    if (index > 0) lines.push('');
    lines.push(`${colors.dim('round'.padStart(margin - 2))}  ${colors.dim(heads.rounds)}`);
    lines.push(`${colors.dim('nodes'.padStart(margin - 2))}  ${colors.dim(heads.letters)}`);
    for (const [row, glyphs] of grid.entries()) {
      const part = glyphs.slice(from, to);
      if (part.every(({ text }) => text === ' ')) continue;
      const drawn = part.map(({ text, paint }) => (text === ' ' ? text : paint(text))).join('');
      lines.push(
        `${colors.bold((labels[row] ?? '').padEnd(labelWidth))} ${colors.dim((counts[row] ?? '').padStart(countWidth))}  ${drawn}`.trimEnd(),
      );
    }
  }
  return [...lines, '', ...legend(letters, nodes, width, colors)];
}

/** Where each column stands, and which of them have a connection before them. */
interface Layout {
  /** Horizontal position of each column's sign. */
  positions: number[];
  /** Position of the connection that leads into a column where some row begins. */
  connectors: Map<number, number>;
  /** Where rounds begin: the drawing can be cut there. */
  roundStarts: number[];
  width: number;
}

function layOut(columns: DagColumn[], rows: DagRow[]): Layout {
  const starts = new Set(rows.map(({ start }) => start).filter((start) => start > 0));
  const layout: Layout = { positions: [], connectors: new Map(), roundStarts: [], width: 0 };
  let x = 0;
  for (const [index, { round }] of columns.entries()) {
    const newRound = index > 0 && round !== columns[index - 1]?.round;
    if (newRound) layout.roundStarts.push(x + 1);
    if (newRound) x += starts.has(index) ? 3 : 2;
    else if (starts.has(index)) x += 1;
    if (starts.has(index)) layout.connectors.set(index, x - 1);
    layout.positions.push(x);
    x += 1;
  }
  layout.width = x;
  return layout;
}

function drawRows(rows: DagRow[], layout: Layout, colors: Colors): Glyph[][] {
  const { positions, connectors } = layout;
  const line = (text: string): Glyph => ({ text, paint: colors.dim });
  const grid = rows.map(() => Array.from({ length: layout.width }, () => ({ text: ' ', paint: unpainted }) as Glyph));
  for (const [index, { start, cells }] of rows.entries()) {
    const glyphs = grid[index] ?? [];
    const end = cells.findLastIndex((cell) => cell !== undefined);
    for (let x = positions[start] ?? 0; x < (positions[end] ?? 0); x++) glyphs[x] = line('─');
    for (let column = start; column <= end; column++) glyphs[positions[column] ?? 0] = cellGlyph(cells[column], colors);
  }
  // Branches: from the parent's row down to the row that branches off, left of its first column.
  for (const [index, { start, parent }] of rows.entries()) {
    const x = connectors.get(start);
    if (parent === undefined || x === undefined) continue;
    const from = grid[parent]?.[x];
    if (from?.text === '─' || from?.text === ' ') grid[parent]![x] = line('┬');
    for (let between = parent + 1; between < index; between++) {
      const glyph = grid[between]?.[x];
      if (glyph?.text === ' ') grid[between]![x] = line('│');
      else if (glyph?.text === '└') grid[between]![x] = line('├');
    }
    grid[index]![x] = line('└');
  }
  return grid;
}

function cellGlyph(cell: PlannedState[] | undefined, colors: Colors): Glyph {
  if (cell === undefined) return { text: '─', paint: colors.dim };
  const states = new Set(cell.map(({ state }) => state));
  if (states.has('stale')) return { text: '▲', paint: colors.yellow };
  if (states.has('blocked')) return { text: '✕', paint: colors.red };
  if (states.size > 1) return { text: '◐', paint: colors.cyan };
  return states.has('cached') ? { text: '●', paint: colors.green } : { text: '○', paint: unpainted };
}

function headLines(
  columns: DagColumn[],
  { positions }: Layout,
  letters: Map<string, string>,
  from: number,
  to: number,
): { rounds: string; letters: string } {
  const rounds: string[] = Array.from({ length: to }, () => ' ');
  const steps: string[] = [...rounds];
  for (const [index, { round, stage }] of columns.entries()) {
    const x = positions[index] ?? 0;
    if (x < from || x >= to) continue;
    steps[x] = letters.get(stage) ?? '?';
    if (columns[index - 1]?.round === round) continue;
    for (const [offset, digit] of [...`${round}`].entries()) rounds[x + offset] = digit;
  }
  return { rounds: rounds.slice(from).join('').trimEnd(), letters: steps.slice(from).join('').trimEnd() };
}

function cutIntoBands({ roundStarts, width }: Layout, room: number): { from: number; to: number }[] {
  const bands: { from: number; to: number }[] = [];
  let from = 0;
  while (width - from > room) {
    const to = roundStarts.findLast((x) => x > from && x - from <= room) ?? roundStarts.find((x) => x > from);
    if (to === undefined) break;
    bands.push({ from, to });
    from = to;
  }
  return [...bands, { from, to: width }];
}

/** One letter per stage: its first that is free. */
function stageLetters(columns: DagColumn[]): Map<string, string> {
  const letters = new Map<string, string>();
  for (const { stage } of columns) {
    if (letters.has(stage)) continue;
    const taken = new Set(letters.values());
    const free = [...stage.toUpperCase(), ...'0123456789'].find(
      (letter) => /[A-Z0-9]/.test(letter) && !taken.has(letter),
    );
    letters.set(stage, free ?? '?');
  }
  return letters;
}

function legend(letters: Map<string, string>, nodes: readonly PlannedState[], width: number, colors: Colors): string[] {
  const states = new Set(nodes.map(({ state }) => state));
  const signs = [
    `${colors.green('●')} cached`,
    '○ missing',
    ...(states.size > 1 ? [`${colors.cyan('◐')} cached for some seeds`] : []),
    ...(states.has('stale') ? [`${colors.yellow('▲')} stale`] : []),
    ...(states.has('blocked') ? [`${colors.red('✕')} blocked`] : []),
    `${colors.dim('├ └')} nodes of its own begin; what stands before is shared`,
  ];
  return [[...letters].map(([stage, letter]) => `${colors.bold(letter)} ${stage}`), signs].flatMap((entries) =>
    inRows(entries, width),
  );
}

/** Entries beside one another, as many as fit on a line; one that is longer itself is wrapped. */
function inRows(entries: readonly string[], width: number): string[] {
  const rows: string[] = [];
  for (const entry of entries) {
    const row = rows.length === 0 ? entry : `${rows.at(-1)}   ${entry}`;
    if (rows.length > 0 && stringWidth(row) <= width) rows[rows.length - 1] = row;
    else rows.push(entry);
  }
  return rows.flatMap((row) => (stringWidth(row) <= width ? [row] : wrapped(row, width)));
}

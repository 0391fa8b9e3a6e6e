/**
 * Charts whose rows are named: a column of labels, panels that share the rows, columns of text. Rows have a fixed
 * height, and a row may be a heading that spans all columns.
 */
import type { Spec } from '../chart.ts';
import { textWidth } from '../font.ts';
import { GRID, INK, SOFT } from '../theme.ts';
import { shortened } from './figure.ts';

export interface ChartRow {
  label: string;
  /** Beside the label, in soft ink. */
  note?: string;
  /** Spans the chart; has no data. */
  heading?: boolean;
}

const ROW_HEIGHT = 24;

/** Where heads of columns stand, above row 0. */
export const HEAD = -0.85;

/** The channel of rows: `field` holds the row's number, its centre; fractions stand between rows. */
export function rowChannel(rows: readonly unknown[], field = 'row'): Spec {
  return {
    field,
    type: 'quantitative',
    scale: { domain: [rows.length - 0.5, -1.25], nice: false, zero: false },
    axis: null,
  };
}

export function rowsHeight(rows: readonly unknown[]): number {
  return ROW_HEIGHT * (rows.length + 0.75);
}

/** Labels of all rows; headings in bold, with a rule above. */
export function labelColumn(rows: readonly ChartRow[], width: number, across: number): Spec {
  const y = rowChannel(rows);
  const size = { domain: [0, width], nice: false };
  const x = { field: 'x', type: 'quantitative', scale: size, axis: null };
  const at = rows.map((each, row) => ({ ...each, row, x: each.heading ? 0 : 10 }));
  const notes = at.flatMap(({ heading, label, note, row, x }) =>
    note === undefined
      ? []
      : [
          {
            row,
            text: note,
            x: x + textWidth(label, heading ? 12 : 11, heading) + 8,
            limit: heading ? across - x - textWidth(label, 12, true) - 8 : width - x - textWidth(label, 11) - 8,
          },
        ],
  );
  const text = { type: 'text', align: 'left', baseline: 'middle', aria: false };
  const layers: Spec[] = [
    {
      data: { values: at.filter(({ heading }) => !heading) },
      mark: { ...text, color: INK, fontSize: 11, limit: width - 10 },
      encoding: { x, y, text: { field: 'label' } },
    },
    {
      data: { values: at.filter(({ heading }) => heading) },
      mark: { ...text, color: INK, fontSize: 12, fontWeight: 600 },
      encoding: { x, y, text: { field: 'label' } },
    },
    {
      data: { values: notes.map((note) => ({ ...note, text: shortened(note.text, note.limit, 10.5) })) },
      mark: { ...text, color: SOFT, fontSize: 10.5 },
      encoding: { x, y, text: { field: 'text' } },
    },
    {
      data: {
        values: at
          .filter(({ heading, row }) => heading && row > 0)
          .map(({ row }) => ({ row: row - 0.5, from: 0, to: across })),
      },
      mark: { type: 'rule', color: GRID, strokeWidth: 1, aria: false },
      encoding: { x: { ...x, field: 'from' }, x2: { field: 'to' }, y },
    },
  ];
  return { width, height: rowsHeight(rows), layer: layers };
}

export interface TextColumn {
  head: string;
  width: number;
  align?: 'left' | 'right';
  /** One per row; empty where there is nothing to say. */
  cells: readonly string[];
  /** Rows whose text is soft. */
  soft?: readonly boolean[];
}

/** Columns of text beside the panels. */
export function textColumns(rows: readonly ChartRow[], columns: readonly TextColumn[]): Spec {
  const width = columns.reduce((sum, column) => sum + column.width, 0);
  const y = rowChannel(rows);
  const x = { field: 'x', type: 'quantitative', scale: { domain: [0, width], nice: false }, axis: null };
  let left = 0;
  const layers = columns.flatMap(({ head, width: own, align = 'left', cells, soft }) => {
    const at = align === 'left' ? left : left + own - 12;
    left += own;
    const text = { type: 'text', align, baseline: 'middle', fontSize: 11, aria: false };
    const values = cells
      .map((cell, row) => ({ row, x: at, text: cell, soft: soft?.[row] ?? false }))
      .filter((cell) => cell.text !== '');
    return [
      {
        data: { values: [{ row: HEAD, x: at, text: head }] },
        mark: { ...text, color: SOFT, fontSize: 10.5 },
        encoding: { x, y, text: { field: 'text' } },
      },
      {
        data: { values: values.filter((cell) => !cell.soft) },
        mark: { ...text, color: INK },
        encoding: { x, y, text: { field: 'text' } },
      },
      {
        data: { values: values.filter((cell) => cell.soft) },
        mark: { ...text, color: SOFT },
        encoding: { x, y, text: { field: 'text' } },
      },
    ];
  });
  return { width, height: rowsHeight(rows), layer: layers };
}

/** Side by side, plot areas aligned. */
export function rowChart(parts: readonly Spec[], spacing = 14): Spec {
  return { hconcat: parts, spacing, bounds: 'flush' };
}

/** Rows as CSV (RFC 4180): a header of all column names in order of appearance, quotes only where needed. */
import { entryOf } from '../base/json.ts';
import type { Row } from './figures/figure.ts';

export function csv(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [columns, ...rows.map((row) => columns.map((column) => entryOf(row, column) ?? null))];
  return lines.map((line) => `${line.map(cell).join(',')}\r\n`).join('');
}

function cell(value: Row[string]): string {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

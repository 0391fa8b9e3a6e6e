/**
 * Rows as CSV (RFC 4180): a header of all column names in order of appearance, quotes only where needed. A text that a
 * spreadsheet would compute, as it does with what begins with =, +, - or @, has an apostrophe before it.
 */
import { entryOf } from '../base/json.ts';
import { visible } from '../base/visible-text.ts';
import type { Row } from './figures/figure.ts';

export function csv(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [columns, ...rows.map((row) => columns.map((column) => entryOf(row, column) ?? null))];
  return lines.map((line) => `${line.map(cell).join(',')}\r\n`).join('');
}

function cell(value: Row[string]): string {
  const text = value === null ? '' : typeof value === 'string' ? harmless(visible(value)) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A number in a text stays one. */
function harmless(text: string): string {
  return /^\s*[=+@-]./s.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
}

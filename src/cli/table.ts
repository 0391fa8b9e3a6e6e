/** A plain table: numbers to the right, words to the left. */
import { stripVTControlCharacters } from 'node:util';
import type { Colors } from 'picocolors/types';
import stringWidth from 'string-width';

/** @returns lines */
export function table(head: string[], rows: string[][], colors: Colors): string[] {
  const widths = head.map((name, column) =>
    Math.max(stringWidth(name), ...rows.map((row) => stringWidth(row[column] ?? ''))),
  );
  const numeric = head.map(
    (_, column) => column > 0 && rows.every((row) => /^[-\d.,]*$/.test(stripVTControlCharacters(row[column] ?? ''))),
  );
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => {
        const space = ' '.repeat(Math.max(0, (widths[column] ?? 0) - stringWidth(cell)));
        return numeric[column] ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  return [colors.dim(line(head)), ...rows.map(line)];
}

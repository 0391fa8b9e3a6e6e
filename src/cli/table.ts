/** A plain table: first column to the left, the others to the right. */
import type { Colors } from 'picocolors/types';
import stringWidth from 'string-width';

/** @returns lines */
export function table(head: string[], rows: string[][], colors: Colors): string[] {
  const widths = head.map((name, column) => Math.max(stringWidth(name), ...rows.map((row) => stringWidth(row[column] ?? ''))));
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => {
        const space = ' '.repeat(Math.max(0, (widths[column] ?? 0) - stringWidth(cell)));
        return column === 0 ? cell + space : space + cell;
      })
      .join('  ')
      .trimEnd();
  return [colors.dim(line(head)), ...rows.map(line)];
}

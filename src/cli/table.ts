/** A plain table: numbers to the right, words to the left. */
import { stripVTControlCharacters } from 'node:util';
import type { Colors } from 'picocolors/types';
import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';
import { drawn, inLine } from './styles.ts';

/** @returns lines: what a cell holds stays in its place */
export function table(names: string[], contents: string[][], colors: Colors): string[] {
  const head = names.map(inLine);
  const rows = contents.map((row) => row.map(inLine));
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

/** Lines of at most so many columns, cut between words where that is possible; all but the first are indented. */
export function wrapped(text: string, columns: number): string[] {
  const room = Math.max(1, columns - 2);
  const lines = drawn((shown) => wrapAnsi(shown, room, { hard: true }))(inLine(text)).split('\n');
  return lines.map((line, index) => (index === 0 ? line : `  ${line}`));
}

/**
 * Tables for a terminal that they do not fit on. For plain text, and without a package: finding nothing to do shows the
 * summary of a report, too, and loads little.
 */

/** Below the first cell of every row stand the others, each with the name of its column. */
export function folded(names: readonly string[] | undefined, rows: readonly string[][], columns: number): string[] {
  return rows.flatMap(([first = '', ...others]) => [
    ...cutAtWords(first, columns, ''),
    ...others.flatMap((cell, index) => {
      if (cell === '') return [];
      return cutAtWords(names === undefined ? cell : `${names[index + 1]}: ${cell}`, columns, '  ');
    }),
  ]);
}

/** Further lines are indented more; a word that is longer than a line is cut. */
function cutAtWords(text: string, columns: number, indent: string): string[] {
  const room = Math.max(1, columns - indent.length - 2);
  const lines = text.match(new RegExp(`\\S.{0,${room - 1}}(?=\\s|$)|\\S{1,${room}}`, 'g')) ?? [];
  return lines.map((line, index) => (index === 0 ? indent : `${indent}  `) + line);
}

/** Amounts as text, with SI prefixes: 557 MFLOP, 4.1 MB. */

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P'];

/** Three significant digits, e.g. `12.3 MB` of 12,345,678 and the unit `B`. */
export function quantityText(amount: number, unit: string): string {
  const power = Math.max(0, Math.min(PREFIXES.length - 1, Math.floor(Math.log10(Math.max(1, amount)) / 3)));
  const scaled = Number((amount / 1000 ** power).toPrecision(3));
  // 999,999 rounds to 1000 k: better 1 M.
  if (scaled >= 1000 && power < PREFIXES.length - 1) return `${scaled / 1000} ${PREFIXES[power + 1]}${unit}`;
  return `${scaled} ${PREFIXES[power]}${unit}`;
}

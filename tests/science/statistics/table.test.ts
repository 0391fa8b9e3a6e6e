/** The table in docs/statistics.md is what the code computes. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { fisherTest } from '../../../src/science/statistics/fisher.ts';
import { attainableFrom } from '../../../src/science/statistics/attainable-from.ts';
import { detectableDifference } from '../../../src/science/statistics/power.ts';
import { proportion } from '../../../src/science/statistics/proportion.ts';
import { smallestFlipP } from '../../../src/science/statistics/sign-flip.ts';
import { quantile } from '../../../src/science/statistics/student-t.ts';

it('the table of what n runs can give, in docs/statistics.md, is what the code gives', async () => {
  const text = await readFile(new URL('../../../docs/statistics.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| (\d+) \| (.*) \|$/gm)].map(([, n, cells]) => ({
    n: Number(n),
    cells: cells!.split(' | '),
  }));
  expect(rows.map(({ n }) => n)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10]);
  for (const { n, cells } of rows) {
    const family = Array.from({ length: 40 }, (_, i) => i + 1).filter((members) => attainableFrom(members, 0.05) <= n);
    const values = [
      smallestFlipP(n),
      fisherTest({ k: n, n }, { k: 0, n })!.p,
      detectableDifference(n, 0.05)!,
      quantile(0.975, n - 1) / Math.sqrt(n),
      proportion(n, n).interval!.lower,
    ];
    for (const [i, value] of values.entries())
      expect([n, i, Number(cells[i])]).toEqual([n, i, expect.closeTo(value, decimalsOf(cells[i]!))]);
    expect(cells[5]).toBe(String(family.at(-1) ?? 'none'));
  }
});

/** Decimals to which a printed number can be compared. */
function decimalsOf(printed: string): number {
  return printed.split('.')[1]!.length;
}

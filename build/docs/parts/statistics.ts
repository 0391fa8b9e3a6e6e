/** The tables of what few runs can show, in docs/statistics.md and docs/lint.md: computed by the code itself. */
import { attainableFrom } from '../../../src/science/statistics/attainable-from.ts';
import { fisherTest } from '../../../src/science/statistics/fisher.ts';
import { detectableDifference } from '../../../src/science/statistics/power.ts';
import { proportion } from '../../../src/science/statistics/proportion.ts';
import { smallestFlipP } from '../../../src/science/statistics/sign-flip.ts';
import { quantile } from '../../../src/science/statistics/student-t.ts';
import { says, type Wording } from '../pages.ts';
import { inWords, markdownTable, type Part } from '../part.ts';

const ALPHA = 0.05;
/** Runs per arm, from the first to the last row. */
const [FEWEST, MOST] = [2, 10];
const LARGEST_FAMILY = 40;

export const statistics: Part = {
  blocks: { 'what n runs can give': smallestTable, 'pairs needed': pairsTable },
  sentences: [
    { page: 'docs/statistics.md', says: smallestCountSentence },
    { page: 'docs/lint.md', says: sampleSizeSentence },
  ],
};

function smallestTable(): string {
  const rows = Array.from({ length: MOST - FEWEST + 1 }, (_, i) => FEWEST + i).map((n) => [
    String(n),
    significant(smallestFlipP(n)),
    significant(fisherTest({ k: n, n }, { k: 0, n })!.p),
    detectableDifference(n, ALPHA)!.toFixed(2),
    (quantile(0.975, n - 1) / Math.sqrt(n)).toFixed(2),
    proportion(n, n).interval!.lower.toFixed(3),
    String(familyOf(n) ?? 'none'),
  ]);
  return markdownTable(
    [
      ...['n', 'sign-flip, signed-rank, McNemar: 2 / 2^n', 'Fisher, n against n: 2 / C(2n, n)'],
      ...['paired t: detectable d at 80 %', 't interval: half-width in SD', 'n of n survive: lower bound'],
      `largest family that can reach ${ALPHA}`,
    ],
    rows,
  );
}

/** The largest family of tests of which n pairs can make one significant. */
function familyOf(n: number): number | undefined {
  return Array.from({ length: LARGEST_FAMILY }, (_, i) => i + 1).findLast((m) => attainableFrom(m, ALPHA) <= n);
}

/** Families of as many tests as need the same number of pairs, up to ten pairs. */
function pairsTable(): string {
  const pairs = Array.from({ length: MOST }, (_, i) => i + 1).filter((n) => familyOf(n) !== undefined);
  const families = pairs.map((n) => {
    const [from, to] = [(familyOf(n - 1) ?? 0) + 1, familyOf(n)!];
    return from === to ? String(to) : `${from} to ${to}`;
  });
  return markdownTable(['tests in the family', ...families], [[`pairs needed at ${ALPHA}`, ...pairs.map(String)]]);
}

function smallestCountSentence(): Wording {
  const n = inWords(attainableFrom(1, ALPHA));
  return says`The smallest number of seeds with which one comparison can be called significant at ${ALPHA} is therefore ${n} (the`;
}

function sampleSizeSentence(): Wording {
  const [alone, two] = [attainableFrom(1, ALPHA), attainableFrom(2, ALPHA)];
  return says`3 pairs can give no less than p = ${smallestFlipP(3)}, above ${ALPHA}: nothing can be significant. Needed: ${alone} pairs alone; ${two} in the family "init" of 2 tests.`;
}

/** Three significant digits, all of a number that needs no more than five. */
function significant(p: number): string {
  const whole = String(p);
  if (whole.length <= 7) return whole;
  const digits = Math.max(3, 2 - Math.floor(Math.log10(p)));
  return p.toFixed(digits);
}

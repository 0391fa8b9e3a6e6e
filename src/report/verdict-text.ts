/** What a test says, in words: never more than it can, and always with its n. */
import { listed } from '../base/listed.ts';
import type { HolmAdjustment, SurvivalTest, TestedDifference, Verdict } from '../generated/results.ts';
import { significant } from '../base/number-text.ts';
import { consequenceText } from './besides.ts';
import { countText, counted, decimal, intervalText, natsText } from './wording.ts';

/** Smaller ones are only said to be smaller. */
const SMALLEST_P = 0.0001;

/**
 * p as papers print it: two figures, no zero before the point: .25, .031, .0022.
 * @param alpha the level that it is held against: p is printed on its own side of it
 */
export function pText(p: number, alpha: number): string {
  if (p < SMALLEST_P && alpha >= SMALLEST_P) return '< .0001';
  return withoutZero(significant(p, 2, [alpha, 1]));
}

/** The level of the tests, as it was declared: .05. */
export function levelText(alpha: number): string {
  return withoutZero(String(alpha));
}

function withoutZero(text: string): string {
  return text.replace(/^0\./, '.');
}

/** `p = .25`, `p < .0001`. */
function pEquation(p: number, alpha: number): string {
  const text = pText(p, alpha);
  return text.startsWith('<') ? `p ${text}` : `p = ${text}`;
}

/** In a table or a chart: a few words. */
export function verdictText(verdict: Verdict): string {
  return {
    significant: 'significant',
    'not-significant': 'not significant',
    'cannot-be-significant': 'not attainable',
    'never-acted': 'never acted',
    'no-data': 'no data',
    'not-declared': 'shown, not tested',
  }[verdict];
}

/** Two or three figures: 0.0021, 0.112. @param apart as of `decimal` */
export function sdText(sd: number, apart: readonly number[] = []): string {
  return decimal(sd, sd >= 0.1 ? 3 : sd >= 0.001 || sd === 0 ? 4 : 5, apart);
}

/**
 * One sentence on one difference: how large, of how many pairs, and what its test can say.
 * @param alpha the level of the test
 */
export function differenceSentence(difference: TestedDifference, alpha: number): string {
  const { arm, baseline, n, mean, interval, verdict, signFlip, holm } = difference;
  if (verdict === 'no-data' || mean === null) return `Of ${arm} against ${baseline} not one pair of runs is known.`;
  if (verdict === 'never-acted')
    return `${arm} ends exactly where ${baseline} does in ${n === 1 ? 'the one pair' : `all ${n} pairs`}: what was varied never acted, so there is nothing to test.`;
  const ends = interval === null ? [] : [interval.lower, interval.upper];
  const between = interval === null ? '' : ` ${intervalText(interval, natsText, [mean])}`;
  const where =
    mean === 0
      ? `on average exactly where ${baseline} does`
      : `${natsText(mean, ends).slice(1)} nats ${mean > 0 ? 'higher' : 'lower'} than ${baseline}`;
  const pretrained = difference.consequences.find(({ what }) => what === 'pretraining steps');
  const others = [
    ...difference.alsoDiffers,
    ...(pretrained === undefined ? [] : [consequenceText(pretrained, difference)]),
  ];
  const besides = others.length === 0 ? '' : `, besides ${listed(others)}`;
  return `${arm} ends ${where}${between} (n = ${counted(n, 'pair')}${besides}); ${verdictClause({ verdict, n, test: signFlip, holm }, alpha)}.`;
}

interface Tested {
  verdict: Verdict;
  /** Pairs or runs. */
  n: number;
  test: { p: number; smallestP: number } | null;
  holm: HolmAdjustment | null;
}

/**
 * What a test of `n` pairs or runs says: `it cannot be called significant with n = 3: the smallest attainable p is
 * .25`.
 */
function verdictClause({ verdict, n, test, holm }: Tested, alpha: number): string {
  const adjusted = holm === null || holm.members < 2 ? '' : ` after Holm over ${counted(holm.members, 'test')}`;
  const smallest = holm?.smallestAdjustedP ?? test?.smallestP ?? 1;
  if (verdict === 'significant') return `significant (${pEquation(holm?.adjustedP ?? test?.p ?? 1, alpha)}${adjusted})`;
  if (verdict === 'not-significant')
    return `not significant (${pEquation(holm?.adjustedP ?? test?.p ?? 1, alpha)}${adjusted}; the smallest attainable is ${pText(smallest, alpha)})`;
  if (verdict === 'cannot-be-significant')
    return `it cannot be called significant with n = ${n}: the smallest attainable p is ${pText(test?.smallestP ?? smallest, alpha)}${adjusted === '' ? '' : ` (${pText(smallest, alpha)}${adjusted})`}`;
  if (verdict === 'not-declared') return 'the comparison does not declare it, so it is not tested';
  return verdict === 'never-acted'
    ? 'both fared alike in every pair, so there is nothing to test'
    : 'there is nothing to test';
}

const METRICS = { kept: 'kept', functional: 'still matters', redetected: 'found again in place' };

/** `kept`, `still matters`, `found again in place`. */
export function metricText(metric: SurvivalTest['metric']): string {
  return METRICS[metric];
}

/**
 * Tests of counts in sentences, those of two arms that say the same together.
 * @param alpha the level of the tests
 * @param most sentences; the tables have all
 */
export function survivalSentences(tests: readonly SurvivalTest[], alpha: number, most = 3): string {
  const said = new Map<string, { arms: string; counts: string[]; clause: string }>();
  for (const { metric, arm, baseline, armCount, baselineCount, pairs, verdict, test, holm } of tests) {
    const n = pairs > 0 ? pairs : Math.min(armCount.proportion.n, baselineCount.proportion.n);
    const clause =
      verdict === 'no-data' ? 'there is no pair of runs to compare' : verdictClause({ verdict, n, test, holm }, alpha);
    const counts = `${METRICS[metric]} ${countText(armCount.proportion)} against ${countText(baselineCount.proportion)}`;
    const key = `${arm}\n${baseline}\n${clause}`;
    const known = said.get(key);
    if (known === undefined) said.set(key, { arms: `${arm} against ${baseline}`, counts: [counts], clause });
    else known.counts.push(counts);
  }
  const sentences = [...said.values()].map(({ arms, counts, clause }) => `${arms}: ${listed(counts)}; ${clause}.`);
  return `${sentences.slice(0, most).join(' ')}${sentences.length > most ? ' The table has the others.' : ''}`;
}

/** `3 comparisons: 1 significant, 2 not attainable at this n`. */
export function verdictCounts(all: readonly Verdict[]): string {
  const verdicts = all.filter((verdict) => verdict !== 'not-declared');
  if (verdicts.length === 0) return 'no declared comparison';
  const count = (verdict: Verdict) => verdicts.filter((each) => each === verdict).length;
  const parts = [
    [count('significant'), 'significant'],
    [count('not-significant'), 'not significant'],
    [count('cannot-be-significant'), 'not attainable at this n'],
    [count('never-acted'), 'that never acted'],
    [count('no-data'), 'without data'],
  ] as const;
  return `${counted(verdicts.length, 'test')}: ${parts
    .filter(([n]) => n > 0)
    .map(([n, text]) => `${decimal(n, 0)} ${text}`)
    .join(', ')}`;
}

/** What a test says, in words: never more than it can, and always with its n. */
import { listed } from '../base/listed.ts';
import type { HolmAdjustment, SurvivalTest, TestedDifference, Verdict } from '../generated/results.ts';
import { consequenceText } from './besides.ts';
import { countText, counted, decimal, signed } from './wording.ts';

/** p as papers print it: two figures, no zero before the point: .25, .031, .0022. */
export function pText(p: number): string {
  if (p < 0.0001) return '< .0001';
  return p > 0.995 ? '1' : String(Number(p.toPrecision(2))).replace(/^0/, '');
}

/** `p = .25`, `p < .0001`. */
function pEquation(p: number): string {
  const text = pText(p);
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

/** A difference in nats with as many decimals as it needs: +1.2345, +0.00012. */
export function natsText(value: number): string {
  const size = Math.abs(value);
  return signed(value, size >= 1 ? 2 : size >= 0.1 ? 3 : size >= 0.0001 || size === 0 ? 4 : 5);
}

/** Two or three figures: 0.0021, 0.112. */
export function sdText(sd: number): string {
  return decimal(sd, sd >= 0.1 ? 3 : sd >= 0.001 || sd === 0 ? 4 : 5);
}

/** One sentence on one difference: how large, of how many pairs, and what its test can say. */
export function differenceSentence(difference: TestedDifference): string {
  const { arm, baseline, n, mean, interval, verdict } = difference;
  if (verdict === 'no-data' || mean === null) return `Of ${arm} against ${baseline} not one pair of runs is known.`;
  if (verdict === 'never-acted')
    return `${arm} ends exactly where ${baseline} does in ${n === 1 ? 'the one pair' : `all ${n} pairs`}: what was varied never acted, so there is nothing to test.`;
  const between = interval === null ? '' : ` [${natsText(interval.lower)}, ${natsText(interval.upper)}]`;
  const isNone = Math.abs(mean) < 0.000005; // prints as 0.00000
  const where = isNone
    ? `on average where ${baseline} does, to within 0.00001 nats,`
    : `${natsText(Math.abs(mean)).slice(1)} nats ${mean > 0 ? 'higher' : 'lower'} than ${baseline}`;
  const pretrained = difference.consequences.find(({ what }) => what === 'pretraining steps');
  const besides = pretrained === undefined ? '' : `, besides ${consequenceText(pretrained, difference)}`;
  return `${arm} ends ${where}${between} (n = ${counted(n, 'pair')}${besides}); ${testClause(difference)}.`;
}

function testClause({ n, verdict, signFlip, holm }: TestedDifference): string {
  return verdictClause(verdict, n, signFlip, holm);
}

/**
 * What a test of `n` pairs or runs says: `it cannot be called significant with n = 3: the smallest attainable p is
 * .25`.
 */
function verdictClause(
  verdict: Verdict,
  n: number,
  test: { p: number; smallestP: number } | null,
  holm: HolmAdjustment | null,
): string {
  const adjusted = holm === null || holm.members < 2 ? '' : ` after Holm over ${counted(holm.members, 'test')}`;
  const smallest = holm?.smallestAdjustedP ?? test?.smallestP ?? 1;
  if (verdict === 'significant') return `significant (${pEquation(holm?.adjustedP ?? test?.p ?? 1)}${adjusted})`;
  if (verdict === 'not-significant')
    return `not significant (${pEquation(holm?.adjustedP ?? test?.p ?? 1)}${adjusted}; the smallest attainable is ${pText(smallest)})`;
  if (verdict === 'cannot-be-significant')
    return `it cannot be called significant with n = ${n}: the smallest attainable p is ${pText(test?.smallestP ?? smallest)}${adjusted === '' ? '' : ` (${pText(smallest)}${adjusted})`}`;
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

/** Tests of counts in sentences, those of two arms that say the same together. */
export function survivalSentences(tests: readonly SurvivalTest[], most = 3): string {
  const said = new Map<string, { arms: string; counts: string[]; clause: string }>();
  for (const { metric, arm, baseline, armCount, baselineCount, pairs, verdict, test, holm } of tests) {
    const n = pairs > 0 ? pairs : Math.min(armCount.proportion.n, baselineCount.proportion.n);
    const clause =
      verdict === 'no-data' ? 'there is no pair of runs to compare' : verdictClause(verdict, n, test, holm);
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

/** What the answers to several questions share: sentences of differences, and for what is missing. */
import { largest, smallest } from '../../base/extremes.ts';
import { listed } from '../../base/listed.ts';
import type { ComparisonResult, TestedDifference, Verdict } from '../../generated/results.ts';
import { differenceSentence, verdictText } from '../verdict-text.ts';
import { counted, decimal, natsText } from '../wording.ts';

/** A sentence if `isMissing`. */
export function gap(isMissing: boolean, sentence: string): string[] {
  return isMissing ? [sentence] : [];
}

export function verdictsOf(comparisons: readonly ComparisonResult[]): Verdict[] {
  return comparisons.flatMap(({ differences, survivalTests }) =>
    [...differences, ...survivalTests].map(({ verdict }) => verdict),
  );
}

export function differencesOf(comparisons: readonly ComparisonResult[]): TestedDifference[] {
  return comparisons.flatMap(({ differences }) => differences);
}

/** The difference that says most, in one sentence. @param alpha the level of its test */
export function headline(comparisons: readonly ComparisonResult[], alpha: number): string {
  const [first] = differencesOf(comparisons)
    .filter(({ mean }) => mean !== null)
    .sort((a, b) => weight(b) - weight(a));
  return first === undefined
    ? 'Of none of the declared comparisons is a pair of runs known.'
    : differenceSentence(first, alpha);
}

/** `D1 − B1 +0.0009 nats (n 2, not attainable)`, for the terminal. */
export function briefDifference(comparisons: readonly ComparisonResult[]): string {
  const known = differencesOf(comparisons).filter(({ mean }) => mean !== null);
  const [first] = known.sort((a, b) => weight(b) - weight(a));
  if (first === undefined) return 'not compared in this profile';
  const others = known.length - 1;
  const pretrained = first.consequences.some(({ what }) => what === 'pretraining steps');
  const besides = pretrained || first.alsoDiffers.length > 0 ? ', differs in more than was varied' : '';
  return `${first.arm} − ${first.baseline} ${natsText(first.mean!)} nats (n ${first.n}, ${verdictText(first.verdict)}${besides})${others === 0 ? '' : `; ${counted(others, 'other difference')}`}`;
}

/**
 * The two differences that say most, in sentences, and how many others have which verdict.
 * @param alpha the level of their tests
 */
export function differencesText(comparisons: readonly ComparisonResult[], alpha: number): string {
  const all = differencesOf(comparisons).filter(({ mean }) => mean !== null);
  if (all.length === 0) return 'Of none of the declared comparisons is a pair of runs known.';
  const order = [...all].sort((a, b) => weight(b) - weight(a));
  const said = order.slice(0, 2).map((difference) => differenceSentence(difference, alpha));
  const others = order.slice(2);
  if (others.length === 0) return said.join(' ');
  const count = (verdict: Verdict) => others.filter((each) => each.verdict === verdict).length;
  const parts = [
    [count('significant'), 'significant'],
    [count('not-significant'), 'not significant'],
    [count('cannot-be-significant'), 'not attainable at this n'],
    [count('never-acted'), 'never acted'],
    [count('not-declared'), 'shown without a test'],
  ] as const;
  return `${said.join(' ')} Besides these: ${parts
    .filter(([n]) => n > 0)
    .map(([n, text]) => `${decimal(n, 0)} ${text}`)
    .join(', ')}.`;
}

/** Significant ones first, then by size. */
function weight({ verdict, mean }: TestedDifference): number {
  return (verdict === 'significant' ? 1e6 : 0) + Math.abs(mean ?? 0);
}

/**
 * `4.6 to 9.9`; one number where all are equal up to rounding.
 * @param text of a number that the other end of the range must be told apart from
 */
export function range(values: readonly number[], text: (value: number, apart: readonly number[]) => string): string {
  const [low, high] = [smallest(values), largest(values)];
  const [from, to] = [text(low, [high]), text(high, [low])];
  return from === to ? from : `${from} to ${to}`;
}

/** `A1, B1 and 3 others`. */
export function named(ids: readonly string[], most = 4): string {
  return ids.length <= most
    ? listed(ids)
    : `${ids.slice(0, most - 1).join(', ')} and ${counted(ids.length - most + 1, 'other')}`;
}

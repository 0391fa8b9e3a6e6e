/**
 * What the answers to the six questions share: sections that have something to draw, and sentences for what is missing.
 */
import type { ComparisonResult, TestedDifference, Verdict } from '../../generated/results.ts';
import { isControl, isForced, isPruned, parameter, resultOf } from '../arms.ts';
import type { Figure } from '../figures/figure.ts';
import type { Html } from '../page/html.ts';
import type { StudyResults } from '../read-results.ts';
import { differenceSentence, natsText, verdictText } from '../verdict-text.ts';
import { counted, decimal, listed } from '../wording.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { Section } from './topic.ts';

/** A section, or nothing where the figure has nothing to draw: what is missing is then a gap's to say. */
export function section(figure: Figure, finding: string, tables: readonly (Html | '')[] = []): Section[] {
  return figure.plots.length === 0
    ? []
    : [{ figure, finding, tables: tables.filter((each): each is Html => each !== '') }];
}

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

/** The difference that says most, in one sentence. */
export function headline(comparisons: readonly ComparisonResult[]): string {
  const [first] = differencesOf(comparisons)
    .filter(({ mean }) => mean !== null)
    .sort((a, b) => weight(b) - weight(a));
  return first === undefined
    ? 'Of none of the declared comparisons is a pair of runs known.'
    : differenceSentence(first);
}

/** `D1 − B1 +0.0009 nats (n 2, not attainable)`, for the terminal. */
export function briefDifference(comparisons: readonly ComparisonResult[]): string {
  const known = differencesOf(comparisons).filter(({ mean }) => mean !== null);
  const [first] = known.sort((a, b) => weight(b) - weight(a));
  if (first === undefined) return 'not compared in this profile';
  const others = known.length - 1;
  return `${first.arm} − ${first.baseline} ${natsText(first.mean!)} nats (n ${first.n}, ${verdictText(first.verdict)})${others === 0 ? '' : `; ${counted(others, 'other difference')}`}`;
}

/** The two differences that say most, in sentences, and what becomes of the others. */
export function differencesText(comparisons: readonly ComparisonResult[]): string {
  const all = differencesOf(comparisons).filter(({ mean }) => mean !== null);
  if (all.length === 0) return 'Of none of the declared comparisons is a pair of runs known.';
  const order = [...all].sort((a, b) => weight(b) - weight(a));
  const said = order.slice(0, 2).map(differenceSentence);
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
 * Arms that are pruned by magnitude; controls, forced and random prunes, transplanted and
 * released masks left out, and arms whose super weights are spared by name: there, a kept mask bit says nothing.
 */
export function magnitudeArms(results: StudyResults): ExperimentDeclaration[] {
  return results.study.experiments.filter(
    (experiment) =>
      isPruned(results, experiment) &&
      !isControl(experiment) &&
      !isForced(experiment) &&
      experiment.role !== 'emergence' &&
      (parameter(experiment, 'prune', 'criterion') ?? 'magnitude') === 'magnitude' &&
      !isProtected(experiment) &&
      !isTransplanted(experiment),
  );
}

function isProtected(experiment: ExperimentDeclaration): boolean {
  return [parameter(experiment, 'prune', 'protect')]
    .flat()
    .some((protect) => protect !== undefined && protect !== 'none');
}

/**
 * Whether its masks are shuffled, put on fresh weights or not enforced: it is no longer magnitude alone that decides
 * what is kept.
 */
function isTransplanted(experiment: ExperimentDeclaration): boolean {
  const says = (stage: string, name: string, value: string) =>
    [parameter(experiment, stage, name)].flat().includes(value);
  return says('rewind', 'mask', 'shuffle') || says('rewind', 'to', 'fresh') || says('train', 'mask', 'release');
}

/** Whether a run of it was followed or found to hold nothing. */
export function isFollowed(results: StudyResults, { id }: ExperimentDeclaration): boolean {
  return resultOf(results, id).reference.confirmed > 0;
}

/** `4.6 to 9.9`; one number where both print alike. */
export function range(values: readonly number[], text: (value: number) => string): string {
  const [low, high] = [text(Math.min(...values)), text(Math.max(...values))];
  return low === high ? low : `${low} to ${high}`;
}

/** `A1, B1 and 3 others`. */
export function named(ids: readonly string[], most = 4): string {
  return ids.length <= most
    ? listed(ids)
    : `${ids.slice(0, most - 1).join(', ')} and ${counted(ids.length - most + 1, 'other')}`;
}

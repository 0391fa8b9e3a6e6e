/** Question 6: how large run-to-run variance is, and which differences are significant. */
import { largest, smallest } from '../../base/extremes.ts';
import { listed } from '../../base/listed.ts';
import { isNamedElsewhere } from '../computations.ts';
import type { StudyResults } from '../read-results.ts';
import { levelText, sdText, verdictCounts } from '../verdict-text.ts';
import { counted, decimal } from '../wording.ts';
import { differencesOf, gap, range, verdictsOf } from './parts.ts';
import type { Topic } from './topic.ts';

export const variance: Topic = {
  id: 'variance',
  name: 'Variance',
  question: 'How large is the run-to-run variance, and which differences are significant?',
  answer: spreadText,
  brief: briefText,
  comparisons: ({ comparisons }) => comparisons,
  experiments: ({ study }) => study.experiments.map(({ id }) => id),
  gaps: ({ comparisons, variance }) => [
    ...gap(
      !variance.some(({ n }) => n > 1),
      'Run-to-run variance is not known here: an experiment with two finished seeds would show it.',
    ),
    ...gap(
      !differencesOf(comparisons).some(({ mean }) => mean !== null),
      comparisons.length === 0
        ? 'No comparison is declared whose arms this profile runs: it tests nothing.'
        : 'Of no declared comparison is a pair of runs known: arms with common seeds, run to their end, would provide it.',
    ),
  ],
};

export function spreadText(results: StudyResults): string {
  const known = results.variance
    .filter(({ experiment }) => !isNamedElsewhere(results, experiment))
    .flatMap(({ experiment, n, sd }) => (sd === null ? [] : [{ experiment, n, sd }]))
    .sort((a, b) => a.sd - b.sd);
  if (known.length === 0) return 'No experiment has two distinct finished runs, so nothing is known of their spread.';
  const middle = known[Math.floor((known.length - 1) / 2)]!;
  const most = known.at(-1)!;
  const least = known[0]!;
  if (known.length === 1)
    return `Runs of ${most.experiment}, the one experiment of which two distinct runs are finished, differ in their final loss by a standard deviation of ${sdText(most.sd)} nats (n = ${most.n} distinct runs).`;
  return `Runs of one experiment differ in their final loss by a standard deviation of ${sdText(middle.sd, [least.sd, most.sd])} nats in the middle of ${counted(known.length, 'experiment')} (${middle.experiment}), from ${sdText(least.sd, [middle.sd, most.sd])} (${least.experiment}) to ${sdText(most.sd, [least.sd, middle.sd])} (${most.experiment}), each from ${range(
    known.map(({ n }) => n),
    String,
  )} distinct runs.`;
}

function briefText(results: StudyResults): string {
  const { comparisons } = results;
  const sds = results.variance.flatMap(({ experiment, sd }) =>
    sd === null || isNamedElsewhere(results, experiment) ? [] : [sd],
  );
  return `${sds.length === 0 ? '' : `SD ${range(sds, sdText)} nats; `}${verdictCounts(verdictsOf(comparisons))}`;
}

export function testsText({ comparisons, study: { analysis } }: StudyResults): string {
  const verdicts = verdictsOf(comparisons);
  if (verdicts.length === 0) return 'No comparison is declared.';
  const significant = differencesOf(comparisons).filter(({ verdict }) => verdict === 'significant');
  return `${verdictCounts(verdicts)} (at ${levelText(analysis.alpha)}, after Holm within each family).${significant.length === 0 ? ' Nothing here is called significant.' : ` Significant: ${listed(significant.map(({ arm, baseline }) => `${arm} against ${baseline}`))}.`}`;
}

/** From how many seeds on a test could reach alpha at all. */
export function seedsText({ comparisons }: StudyResults): string {
  const out = differencesOf(comparisons).filter(
    ({ verdict, power }) => verdict === 'cannot-be-significant' && power !== null,
  );
  if (out.length === 0) return '';
  const least = smallest(out.map(({ power }) => power!.attainableFrom));
  const most = largest(out.map(({ power }) => power!.attainableFrom));
  const n = largest(out.map((difference) => difference.n));
  return `With the ${counted(n, 'pair')} at hand (at most) the exact test of ${counted(out.length, 'difference')} could not have reached that level whatever had been measured; it could from ${least === most ? decimal(least, 0) : `${decimal(least, 0)} to ${decimal(most, 0)}`} pairs on, depending on the size of the family.`;
}

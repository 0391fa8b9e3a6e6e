/** Question 6: how large run-to-run variance is, and which differences are significant. */
import { forestFigure } from '../figures/forest-plot.ts';
import { lossCurvesFigure } from '../figures/loss-curves.ts';
import { sdText, spreadFigure } from '../figures/spread.ts';
import { differencesTable } from '../page/comparison-tables.ts';
import type { StudyResults } from '../read-results.ts';
import { pText, verdictCounts } from '../verdict-text.ts';
import { counted, decimal, listed } from '../wording.ts';
import { differencesOf, gap, range, section, verdictsOf } from './parts.ts';
import { TOPICS, type Answer } from './topic.ts';

/** A run whose training loss moves by less between the halves of its last round has settled, in nats. */
const SETTLED = 0.01;

export function varianceAnswer(results: StudyResults): Answer {
  const { comparisons, variance } = results;
  const known = differencesOf(comparisons).some(({ mean }) => mean !== null);
  return {
    topic: TOPICS[5]!,
    answer: spreadText(results),
    brief: briefText(results),
    experiments: results.study.experiments.map(({ id }) => id),
    content: () => ({
      sections: [
        ...section(spreadFigure(results), spreadText(results)),
        ...section(
          forestFigure(results, { id: '6b-all-differences', title: 'All declared comparisons', comparisons }),
          `${testsText(results)} ${seedsText(results)}`.trim(),
          [differencesTable(results, comparisons)],
        ),
        ...section(lossCurvesFigure(results), settledText(results)),
      ],
      gaps: [
        ...gap(
          !variance.some(({ n }) => n > 1),
          'Run-to-run variance is not known here: an experiment with two finished seeds would show it.',
        ),
        ...gap(
          !known,
          comparisons.length === 0
            ? 'No comparison is declared whose arms this profile runs: it tests nothing.'
            : 'Of no declared comparison is a pair of runs known: arms with common seeds, run to their end, would provide it.',
        ),
      ],
    }),
  };
}

function spreadText({ variance }: StudyResults): string {
  const known = variance
    .flatMap(({ experiment, n, sd }) => (sd === null ? [] : [{ experiment, n, sd }]))
    .sort((a, b) => a.sd - b.sd);
  if (known.length === 0) return 'No experiment has two finished runs, so nothing is known of their spread.';
  const middle = known[Math.floor((known.length - 1) / 2)]!;
  const most = known.at(-1)!;
  const least = known[0]!;
  return `Runs of one experiment differ in their final loss by a standard deviation of ${sdText(middle.sd)} nats in the middle of ${counted(known.length, 'experiment')} (${middle.experiment}), from ${sdText(least.sd)} (${least.experiment}) to ${sdText(most.sd)} (${most.experiment}), each from ${range(
    known.map(({ n }) => n),
    String,
  )} runs.`;
}

/** A comparison of ends is worth something only where runs had settled. */
function settledText({ runs }: StudyResults): string {
  const moves = runs.flatMap(({ curves }) => {
    const points = curves.at(-1)?.points ?? [];
    if (points.length < 4) return [];
    const mean = (part: typeof points) => part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
    const half = Math.floor(points.length / 2);
    return [mean(points.slice(half)) - mean(points.slice(0, half))];
  });
  if (moves.length === 0) return 'The last rounds are too short to say whether runs had settled.';
  const settled = moves.filter((move) => Math.abs(move) < SETTLED).length;
  return `In ${settled} of ${counted(moves.length, 'run')} the training loss of the last round's second half is within ${SETTLED} nats of that of its first: those had settled before their end was measured.`;
}

function briefText({ variance, comparisons }: StudyResults): string {
  const sds = variance.flatMap(({ sd }) => sd ?? []);
  return `${sds.length === 0 ? '' : `SD ${range(sds, sdText)} nats; `}${verdictCounts(verdictsOf(comparisons))}`;
}

function testsText({ comparisons, study: { analysis } }: StudyResults): string {
  const verdicts = verdictsOf(comparisons);
  if (verdicts.length === 0) return 'No comparison is declared.';
  const significant = differencesOf(comparisons).filter(({ verdict }) => verdict === 'significant');
  return `${verdictCounts(verdicts)} (at ${pText(analysis.alpha)}, after Holm within each family).${significant.length === 0 ? ' Nothing here is called significant.' : ` Significant: ${listed(significant.map(({ arm, baseline }) => `${arm} against ${baseline}`))}.`}`;
}

/** From how many seeds on a test could reach alpha at all. */
function seedsText({ comparisons }: StudyResults): string {
  const out = differencesOf(comparisons).filter(
    ({ verdict, power }) => verdict === 'cannot-be-significant' && power !== null,
  );
  if (out.length === 0) return '';
  const least = Math.min(...out.map(({ power }) => power!.attainableFrom));
  const most = Math.max(...out.map(({ power }) => power!.attainableFrom));
  const n = Math.max(...out.map((difference) => difference.n));
  return `With the ${counted(n, 'pair')} at hand (at most) the exact test of ${counted(out.length, 'difference')} could not have reached that level whatever had been measured; it could from ${least === most ? decimal(least, 0) : `${decimal(least, 0)} to ${decimal(most, 0)}`} pairs on, depending on the size of the family.`;
}

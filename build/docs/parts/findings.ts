/** What docs/study/README.md quotes of the study, from its committed bundles. */
import { largest, smallest } from '../../../src/base/extremes.ts';
import { listed } from '../../../src/base/listed.ts';
import type { Measurement } from '../../../src/generated/results.ts';
import { endOf, measuredEnd, replicatesOf, resultOf } from '../../../src/report/arms.ts';
import { distinctFates } from '../../../src/report/computations.ts';
import { prunedArms } from '../../../src/report/pruned-arms.ts';
import type { StudyResults } from '../../../src/report/read-results.ts';
import { QUESTIONS } from '../../../src/report/registry.ts';
import { decimal, differenceText } from '../../../src/report/wording.ts';
import { committedBundle, studyResults } from '../committed-study.ts';
import {
  costTable,
  differencesTable,
  effectTable,
  functionTable,
  lateTable,
  latePlaces,
  survivalTable,
  workTable,
} from '../findings-tables.ts';
import { says, wrapped, type Wording } from '../pages.ts';
import { inWords, type Part } from '../part.ts';

/** Bundles by their names: the built-in models' study, its comparisons with six seeds, the real model's pilot. */
const STUDY = 'study';
const SIX_SEEDS = 'confirm-tenth';
const REAL_MODEL = 'smollm2-pilot';

const of =
  (name: string, table: (results: StudyResults) => string): (() => Promise<string>) =>
  async () =>
    table(await studyResults(name));

/** What the report's page about a question opens with. */
const answer = (id: string) => (results: StudyResults) => {
  const page = QUESTIONS.find((each) => each.id === id)!;
  return wrapped(`${page.answer(results)}${page.context?.(results) ?? ''}`);
};

export const findings: Part = {
  blocks: {
    ...Object.fromEntries(QUESTIONS.map(({ id }) => [`findings answer ${id}`, of(STUDY, answer(id))])),
    'findings survival': of(STUDY, survivalTable),
    'findings function': of(STUDY, functionTable),
    'findings effect': of(STUDY, effectTable),
    'findings emergence': of(STUDY, lateTable),
    'findings cost': of(STUDY, costTable),
    'findings work': async () => workTable(await Promise.all([STUDY, SIX_SEEDS, REAL_MODEL].map(committedBundle))),
    'findings differences': of(STUDY, differencesTable),
    'six seeds survival': of(SIX_SEEDS, survivalTable),
    'six seeds answer survival': of(SIX_SEEDS, answer('survival')),
    'six seeds effect': of(SIX_SEEDS, effectTable),
    'six seeds cost': of(SIX_SEEDS, costTable),
    'six seeds differences': of(SIX_SEEDS, differencesTable),
    'real model survival': of(REAL_MODEL, survivalTable),
    'real model answer survival': of(REAL_MODEL, answer('survival')),
    'real model answer quality': of(REAL_MODEL, answer('quality')),
    'real model answer variance': of(REAL_MODEL, answer('variance')),
    'real model effect': of(REAL_MODEL, effectTable),
    'real model function': of(REAL_MODEL, functionTable),
    'real model differences': of(REAL_MODEL, differencesTable),
  },
  sentences: [rankSentence, placesSentence, decaySentence, replacedSentence, magnitudeSentence].map((sentence) => ({
    page: 'docs/study/README.md',
    says: async () => sentence(await studyResults(STUDY)),
  })),
};

/** Arms that start from one draw and differ in the share that is pruned alone. */
const TWINS = [
  ['C1', 'C2'],
  ['E1', 'E2'],
] as const;

/** Whether super weights that appear late appear at the same place, however much is pruned. */
function placesSentence(results: StudyResults): Wording {
  const pairs = TWINS.flatMap(([one, other]) => {
    const others = new Map(latePlaces(results, other).map(({ seed, places }) => [seed, places]));
    return latePlaces(results, one).flatMap(({ seed, places }) => {
      const theirs = others.get(seed);
      return theirs === undefined ? [] : [places.some((place) => theirs.includes(place))];
    });
  });
  return says`Of the ${inWords(pairs.length)} pairs of runs that differ in the share pruned alone and both find one later, ${inWords(pairs.filter(Boolean).length)} find it at the same place.`;
}

/** What a learning rate that decays in each round does. */
function decaySentence(results: StudyResults): Wording {
  const { differences } = results.comparisons.find(({ name }) => name === 'warmup')!;
  const [difference] = differences;
  return says`A rate that warms up and decays in each round (\`H1\`) ends ${differenceText(difference!)} nats from the constant one (\`C1\`, n = ${difference!.n}).`;
}

/** How large super weights are at the end, seed by seed, where 67 % is pruned and where nothing is. */
function magnitudeSentence(results: StudyResults): Wording {
  const ends = (id: string) => sizes(replicatesOf(results, id).map((run) => measuredEnd(results, run)!));
  const starts = sizes(replicatesOf(results, 'B2-unpruned').map(({ measurements }) => measurements[0]!));
  const ranks = replicatesOf(results, 'B2').map((run) => measuredEnd(results, run)!.survival.weights[0]!.rank!);
  return says`Their absolute values were ${starts} at the start, by seed; at the end they are ${ends('B2-unpruned')} in \`B2-unpruned\` and ${ends('B2')} in \`B2\`, where up to ${largest(ranks) - 1} weights of the model are larger.`;
}

/** `3.93, 4.53 and 3.88`. */
function sizes(looks: readonly Measurement[]): string {
  return listed(looks.map(({ survival: { weights } }) => decimal(Math.abs(weights[0]!.value), 2)));
}

/** Whether another weight takes the place of a super weight that is pruned at random, and what that costs. */
function replacedSentence(results: StudyResults): Wording {
  const id = 'B2-random';
  const { survival } = endOf(results, id)!;
  const { toControl } = resultOf(results, id);
  return says`Random pruning of as many weights (\`${id}\`) took the super weight from ${inWords(survival.kept.n - survival.kept.k)} of ${inWords(survival.kept.n)} runs; in ${inWords(survival.redetectedMoved.k)} of them another weight counts as a super weight at the end, and the loss is ${differenceText(toControl!)} nats from that of the unpruned control.`;
}

/** How far the primary super weights of pruned arms are from being pruned; what is one computation counts once. */
function rankSentence(results: StudyResults): Wording {
  const ids = prunedArms(results).map(({ id }) => id);
  const looks = new Map(
    ids
      .flatMap((id) => replicatesOf(results, id))
      .flatMap(({ measurements }) => measurements)
      .filter(({ sparsity }) => sparsity !== null && sparsity > 0)
      .flatMap(({ computation, survival: { weights } }) => weights.slice(0, 1).map((weight) => [computation, weight])),
  );
  const largestOfAll = [...looks.values()].filter(({ tensorRank }) => tensorRank === 1).length;
  const margins = distinctFates(results, ids).flatMap(({ weight: { margin } }) => margin ?? []);
  const times = (margin: number) => decimal(margin, 0);
  return says`At ${decimal(largestOfAll, 0)} of ${decimal(looks.size, 0)} looks after a prune it is the largest weight of its tensor, and at their end ${times(smallest(margins))} to ${times(largest(margins))} times the last threshold.`;
}

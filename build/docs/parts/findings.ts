/** Tables of docs/study/README.md: what the study found, from the results in its committed bundles. */
import { largest, smallest } from '../../../src/base/extremes.ts';
import type { RunResult, TestedDifference } from '../../../src/generated/results.ts';
import { declarationOf, endOf, measuredEnd, namesOf, replicatesOf, resultOf } from '../../../src/report/arms.ts';
import { isNamedElsewhere } from '../../../src/report/computations.ts';
import { noneEmergedText } from '../../../src/report/late-emergence.ts';
import type { StudyResults } from '../../../src/report/read-results.ts';
import { pText, verdictText } from '../../../src/report/verdict-text.ts';
import {
  countText,
  decimal,
  differenceText,
  experimentPhrase,
  foundAgainCount,
  percent,
  perplexitySpreadText,
} from '../../../src/report/wording.ts';
import { studyResults } from '../committed-study.ts';
import { markdownTable, median, type Part } from '../part.ts';

const DASH = '–';

/** The profile of the built-in models' study, and the name of its bundle. */
const STUDY = 'study';

export const findings: Part = {
  blocks: {
    'findings survival': async () => survivalTable(await studyResults(STUDY)),
    'findings differences': async () => differencesTable(await studyResults(STUDY)),
  },
  sentences: [],
};

/** What became of super weights: an arm a row; arms that are one computation together. */
export function survivalTable(results: StudyResults): string {
  const { study } = results;
  const shown = results.experiments.filter(({ id }) => !isNamedElsewhere(results, id) && isComplete(results, id));
  return markdownTable(
    [
      ...['arm', 'sparsity', 'perplexity (n)', 'kept', 'of its tensor kept', 'still matters', 'found again'],
      'zeroing it costs, nats: when found, at the end',
    ],
    shown.map(({ id }) => {
      const end = endOf(results, id)!;
      const { survival } = end;
      const name = `\`${namesOf(results, id)}\`: ${experimentPhrase(study, declarationOf(results, id))}`;
      const first = [name, percent(end.sparsity.mean!), `${perplexitySpreadText(end)} (${end.loss.n})`];
      if (survival.n === 0) return [...first, noneEmergedText(results, id), ...Array.from({ length: 4 }, () => DASH)];
      const base = end.baseRate.tensorKept.mean;
      const disconnected = survival.disconnected === 0 ? '' : ` (${survival.disconnected} disconnected)`;
      return [
        ...first,
        `${countText(survival.kept)}${disconnected}`,
        base === null ? DASH : percent(base),
        ...[countText(survival.functional), foundAgainCount(survival), costs(results, id)],
      ];
    }),
  );
}

function isComplete(results: StudyResults, id: string): boolean {
  const { complete, declared } = resultOf(results, id);
  return complete === declared;
}

/** `2.29 (2.1 to 2.5) → 1.1 (0.9 to 1.3)`: medians and ranges over runs. */
function costs(results: StudyResults, id: string): string {
  const fates = replicatesOf(results, id).flatMap((run) => fateOf(results, run));
  const text = (values: number[]) =>
    `${decimal(median(values), 2)} (${decimal(smallest(values), 2)} to ${decimal(largest(values), 2)})`;
  if (fates.length === 0) return DASH;
  return `${text(fates.map(({ found }) => found))} → ${text(fates.map(({ end }) => end))}`;
}

interface Fate {
  /** Nats that zeroing the primary super weight cost when it was confirmed, and costs at the end. */
  readonly found: number;
  readonly end: number;
}

function fateOf(results: StudyResults, run: RunResult): Fate[] {
  const [confirmed] = run.reference.superWeights;
  const [weight] = measuredEnd(results, run)?.survival.weights ?? [];
  return confirmed === undefined || weight === undefined ? [] : [{ found: confirmed.effect, end: weight.effect }];
}

/** The declared comparisons: paired differences in final loss. @param names of comparisons; all if absent */
export function differencesTable(results: StudyResults, names?: readonly string[]): string {
  const { alpha } = results.study.analysis;
  const rows = results.comparisons
    .filter(({ name }) => names === undefined || names.includes(name))
    .flatMap(({ name, differences }) => differences.map((difference) => ({ name, difference })))
    .filter(({ difference }) => difference.n > 0);
  return markdownTable(
    ['comparison', 'arms', 'nats, 95 % interval', 'n', 'p (smallest attainable)', 'verdict'],
    rows.map(({ name, difference }) => [
      ...[name, `${difference.arm} − ${difference.baseline}`, differenceText(difference), String(difference.n)],
      ...[pCell(difference, alpha), verdictText(difference.verdict)],
    ]),
  );
}

/** After Holm's adjustment, where there is one. */
function pCell({ holm, signFlip }: TestedDifference, alpha: number): string {
  const [p, least] = holm === null ? [signFlip?.p, signFlip?.smallestP] : [holm.adjustedP, holm.smallestAdjustedP];
  return p === undefined || least === undefined ? DASH : `${pText(p, alpha)} (${pText(least, alpha)})`;
}

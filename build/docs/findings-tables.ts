/** Tables of what a study found, from its results. */
import { largest, smallest } from '../../src/base/extremes.ts';
import { isJsonObject } from '../../src/base/json.ts';
import type { RunResult, TestedDifference } from '../../src/generated/results.ts';
import { declarationOf, endOf, measuredEnd, namesOf, replicatesOf, resultOf } from '../../src/report/arms.ts';
import type { CacheRecord } from '../../src/cache/record.ts';
import { isNamedElsewhere, runCounts } from '../../src/report/computations.ts';
import { lateEmergence, noneEmergedText } from '../../src/report/late-emergence.ts';
import { trainedLooks, unprunedWeight } from '../../src/report/lost-function.ts';
import type { StudyResults } from '../../src/report/read-results.ts';
import { prunedArms } from '../../src/report/pruned-arms.ts';
import { tInterval } from '../../src/science/statistics/student-t.ts';
import { pText, verdictText } from '../../src/report/verdict-text.ts';
import {
  countText,
  decimal,
  differenceText,
  experimentPhrase,
  foundAgainCount,
  percent,
  perplexitySpreadText,
  signed,
} from '../../src/report/wording.ts';
import type { CommittedBundle } from './committed-study.ts';
import { markdownTable, median } from './part.ts';

const DASH = '–';

/** What became of super weights: an arm a row; arms that are one computation together. */
export function survivalTable(results: StudyResults): string {
  const { study } = results;
  return markdownTable(
    [
      ...['arm', 'sparsity', 'perplexity (n)', 'kept', 'of its tensor kept', 'still matters', 'found again'],
      'zeroing it costs, nats: when found, at the end',
    ],
    shownArms(results).map((id) => {
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

/** Arms of which all runs came to their end; of those that are one computation, the first. */
function shownArms(results: StudyResults): string[] {
  return results.experiments
    .filter(({ id, complete, declared }) => complete === declared && !isNamedElsewhere(results, id))
    .map(({ id }) => id);
}

/** In how many runs zeroing the super weight still costs what counts, look by look: arms in which one was followed. */
export function functionTable(results: StudyResults): string {
  const arms = shownArms(results)
    .filter((id) => endOf(results, id)!.survival.n > 0)
    .map((id) => ({ id, looks: replicatesOf(results, id).map(trainedLooks) }))
    .map(({ id, looks }) => ({ id, looks: looks.filter((each) => each.length > 0) }))
    .filter(({ looks }) => looks.length > 0);
  const rounds = [...new Set(arms.flatMap(({ looks }) => looks.flat().map(({ round }) => round)))].sort(
    (one, other) => one - other,
  );
  return markdownTable(
    ['still matters after training', ...rounds.map(String)],
    arms.map(({ id, looks }) => [
      `\`${namesOf(results, id)}\``,
      ...rounds.map((round) => {
        const then = looks.flatMap((each) => each.filter((look) => look.round === round));
        return then.length === 0 ? DASH : `${then.filter(({ functional }) => functional).length}/${then.length}`;
      }),
    ]),
  );
}

/** Arms in which none was there after the first training: in how many runs one was confirmed later. */
export function lateTable(results: StudyResults): string {
  const arms = shownArms(results)
    .map((id) => ({ id, late: lateEmergence(results, [id]) }))
    .filter(({ late }) => late.n > 0);
  return markdownTable(
    ['arm', 'at some later look', 'at the last', 'training steps at the first such look', 'where, by seed'],
    arms.map(({ id, late: { n, emerged, atEnd, steps } }) => [
      `\`${namesOf(results, id)}\`: ${experimentPhrase(results.study, declarationOf(results, id))}`,
      ...[`${emerged}/${n}`, `${atEnd}/${n}`],
      steps.length === 0 ? DASH : steps.map((step) => decimal(step, 0)).join(', '),
      latePlacesText(results, id),
    ]),
  );
}

/** `0: layer 2 [46, 58]; 1: layer 1 [19, 7]`. */
function latePlacesText(results: StudyResults, id: string): string {
  const found = latePlaces(results, id);
  return found.length === 0 ? DASH : found.map(({ seed, places }) => `${seed}: ${places.join(', ')}`).join('; ');
}

/** Of the runs in which one was confirmed at some later look: every place, in the order of the looks. */
export function latePlaces(results: StudyResults, id: string): { seed: number; places: string[] }[] {
  return replicatesOf(results, id)
    .map(({ seed, measurements }) => {
      const found = measurements.flatMap(({ newlyConfirmed }) => newlyConfirmed ?? []);
      return { seed, places: [...new Set(found.map(({ layer, row, col }) => `layer ${layer} [${row}, ${col}]`))] };
    })
    .filter(({ places }) => places.length > 0);
}

/** What pruning cost: final loss against the positive control that was trained alike, paired by seed. */
export function costTable(results: StudyResults): string {
  const arms = shownArms(results).flatMap((id) => {
    const { toControl } = resultOf(results, id);
    return toControl === null || toControl.n === 0 ? [] : [{ id, toControl }];
  });
  return markdownTable(
    ['arm', 'sparsity', 'control', 'nats above it, 95 % interval', 'n'],
    arms.map(({ id, toControl }) => [
      `\`${namesOf(results, id)}\``,
      percent(endOf(results, id)!.sparsity.mean!),
      `\`${toControl.baseline}\``,
      ...[differenceText(toControl), String(toControl.n)],
    ]),
  );
}

/** What zeroing the super weight costs at the end, and in the unpruned control after as many steps, seed by seed. */
export function effectTable(results: StudyResults): string {
  const text = (values: readonly number[]) => values.map((value) => decimal(value, 2)).join(', ');
  const rows = prunedArms(results).flatMap(({ id }) => {
    const control = resultOf(results, id).toControl?.baseline;
    if (control === undefined || isNamedElsewhere(results, id)) return [];
    const pairs = replicatesOf(results, id).flatMap((run) => {
      const measured = measuredEnd(results, run);
      const [own] = measured?.survival.weights ?? [];
      const twin = measured && unprunedWeight(results, run, measured);
      return own === undefined || twin === undefined ? [] : [{ own: own.effect, twin: twin.effect }];
    });
    if (pairs.length === 0) return [];
    const differences = pairs.map(({ own, twin }) => own - twin);
    const mean = differences.reduce((sum, each) => sum + each, 0) / differences.length;
    const { lower, upper } = tInterval(differences)!;
    return [
      [
        ...[`\`${namesOf(results, id)}\``, text(pairs.map(({ own }) => own))],
        ...[`\`${control}\``, text(pairs.map(({ twin }) => twin))],
        `${signed(mean, 2)} [${signed(lower, 2)}, ${signed(upper, 2)}]`,
        `${differences.filter((each) => each < 0).length}/${differences.length}`,
      ],
    ];
  });
  return markdownTable(
    ['arm', 'nats, by seed', 'control', 'nats, by seed', 'difference, 95 % interval', 'less than the control'],
    rows,
  );
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

/** What a study took, from the records of its bundle: what was shared, and the hours in which a node was running. */
export function workTable(bundles: readonly CommittedBundle[]): string {
  const count = (value: number) => value.toLocaleString('en-US');
  return markdownTable(
    [
      ...['study, profile', 'runs (distinct)', 'nodes (at so many places)', 'training steps (without sharing)'],
      ...['hours', 'trained by'],
    ],
    bundles.map(({ manifest, results, records }) => {
      const places = Object.values(manifest.places).flatMap((key) => records.get(key) ?? []);
      const nodes = [...new Set(places)];
      const { complete, distinct } = runCounts({
        ...results,
        runs: results.runs.filter(({ status }) => status === 'complete'),
      });
      return [
        `${manifest.study.name} \`${manifest.study.profile}\``,
        `${complete} (${distinct})`,
        `${count(nodes.length)} (${count(places.length)})`,
        `${count(trainedSteps(nodes))} (${count(trainedSteps(places))})`,
        decimal(busySeconds(nodes) / 3600, 1),
        processorsText(nodes),
      ];
    }),
  );
}

/** `AMD EPYC (x86-64 AVX2), Intel Xeon`: of trainings, with what the exact engine generated for them. */
function processorsText(records: readonly CacheRecord[]): string {
  const trained = records.filter(({ stage }) => stage === 'train');
  const processors = trained.map(({ environment: { cpu, exact }, preimage: { params } }) =>
    isJsonObject(params) && params.engine === 'exact' ? `${String(cpu)} (${String(exact)})` : String(cpu),
  );
  return [...new Set(processors)].sort().join(', ');
}

function trainedSteps(records: readonly CacheRecord[]): number {
  return records.reduce((sum, { stage, metrics }) => sum + (stage === 'train' ? Number(metrics.steps) : 0), 0);
}

/** Of all time since the first began, that in which at least one was running. */
function busySeconds(records: readonly CacheRecord[]): number {
  const spans = records
    .map(({ startedAt, finishedAt }) => [Date.parse(startedAt), Date.parse(finishedAt)] as const)
    .toSorted(([one], [other]) => one - other);
  let [busy, until] = [0, 0];
  for (const [start, end] of spans) {
    busy += Math.max(0, end - Math.max(start, until));
    until = Math.max(until, end);
  }
  return busy / 1000;
}

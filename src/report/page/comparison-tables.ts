/** Tables of declared comparisons: differences in loss, and counts of survivals, each with what its test can say. */
import type { StudyDeclaration } from '../../generated/aggregate.ts';
import type {
  AbsentRun,
  ComparisonResult,
  PairedDifference,
  SurvivalCount,
  SurvivalTest,
  TestedDifference,
} from '../../generated/results.ts';
import { connectedBesides } from '../../science/results/also-differs.ts';
import { consequenceText } from '../besides.ts';
import type { StudyResults } from '../read-results.ts';
import { levelText, metricText, pText, sdText, verdictText } from '../verdict-text.ts';
import { countText, counted, decimal, exactPercent, intervalText, natsText, proportionInterval } from '../wording.ts';
import { html, table, type Html } from './html.ts';

const DASH = '–';

/**
 * Parameters that differ besides, and absent runs, are named up to this many; swp lint and the overview name them all.
 */
const NAMED = 4;

interface Compared<Item> {
  comparison: ComparisonResult;
  item: Item;
}

/** Every declared difference in final loss; nothing if there is none. */
export function differencesTable({ study }: StudyResults, comparisons: readonly ComparisonResult[]): Html | '' {
  const items = comparisons.flatMap((comparison) =>
    comparison.differences.map((item): Compared<TestedDifference> => ({ comparison, item })),
  );
  const { analysis } = study;
  if (items.length === 0) return '';
  return table<Compared<TestedDifference>>(
    `Differences in final validation loss, nats per token: arm minus baseline, paired by seed, mean with its ${exactPercent(analysis.confidence)} t interval. ${SAMPLE_TEXT} The verdict rests on the exact sign-flip test after Holm's adjustment at ${levelText(analysis.alpha)}; beside every p stands the smallest that this n could have given. g: Hedges' g of the paired differences. Seeds needed: for the observed size, by a paired t-test at ${levelText(analysis.alpha)} (unadjusted) with 80 % power.`,
    [
      {
        head: 'arms',
        cell: ({ item, comparison }) =>
          html`${item.arm} − ${item.baseline}<small>${comparison.name}: varies ${comparison.varies.join(', ')}</small>`,
      },
      { head: 'difference', numeric: true, cell: ({ item }) => differenceCell(item) },
      { head: 'every seed', cell: ({ item }) => seedsCell(item) },
      {
        head: 'g',
        numeric: true,
        cell: ({ item: { hedgesG } }) =>
          hedgesG === null
            ? DASH
            : html`${decimal(hedgesG.value, 2)}<small
                  >${intervalText(hedgesG.interval, (value, apart) => decimal(value, 1, apart))}</small
                >`,
      },
      { head: 'exact p', numeric: true, cell: ({ item }) => testsCell(item, analysis.alpha) },
      { head: 'Holm p', numeric: true, cell: ({ item }) => holmCell(item, analysis.alpha) },
      { head: 'seeds needed', numeric: true, cell: ({ item: { power } }) => powerCell(power) },
      {
        head: 'verdict',
        cell: ({ item: { verdict, n } }) =>
          verdict === 'cannot-be-significant'
            ? html`<span class="line">cannot be</span> significant<small>with n = ${n}</small>`
            : verdictText(verdict),
      },
      { head: 'differ besides', cell: ({ item }) => besidesCell(study, item) },
    ],
    items,
  );
}

function differenceCell(difference: TestedDifference): string | Html {
  const { mean, interval, n } = difference;
  if (mean === null) return DASH;
  const ends = interval === null ? [] : [interval.lower, interval.upper];
  return html`${natsText(mean, ends)}<small
      >${interval === null ? '' : `${intervalText(interval, natsText, [mean])} · `}n = ${n}</small
    >${sampleText(difference)}`;
}

/** What `sample` means, wherever it stands. */
export const SAMPLE_TEXT =
  'Sample: the standard error over held-out sequences, which all runs share; intervals are over runs and leave it out.';

/** The sampling error of a difference, below its interval; nothing where it is not known or there is no difference. */
export function sampleText({ samplingError, points }: Pick<PairedDifference, 'samplingError' | 'points'>): Html | '' {
  return samplingError === null || points.every(({ difference }) => difference === 0)
    ? ''
    : html`<small>sample ± ${sdText(samplingError)}</small>`;
}

function seedsCell({ points, copies, missing, unpaired }: TestedDifference): Html {
  const absent = (runs: readonly AbsentRun[]) => {
    const names = runs.map(({ experiment, seed }) => `${experiment} seed ${seed}`);
    return names.length <= NAMED
      ? names.join(', ')
      : `${names.slice(0, NAMED - 1).join(', ')} and ${names.length - NAMED + 1} more`;
  };
  return html`<div class="pairs">
    ${points.map(({ seed, difference }) => html`<span class="pair"><i>seed ${seed}</i> ${natsText(difference)}</span> `)}${copies.length === 0 ? '' : html`<small>copies of an earlier seed, not counted: ${copies.join(', ')}</small>`}${missing.length === 0 ? '' : html`<small class="alert">missing: ${absent(missing)}</small>`}${unpaired.length === 0 ? '' : html`<small>not paired: ${absent(unpaired)}</small>`}
  </div>`;
}

/** The sign-flip test, which the verdict rests on; the others below it. */
function testsCell({ signFlip, wilcoxon, tTest }: TestedDifference, alpha: number): string | Html {
  if (signFlip === null) return DASH;
  return html`${pText(signFlip.p, alpha)}<small>smallest ${pText(signFlip.smallestP, alpha)}</small
    >${wilcoxon === null ? '' : html`<small>Wilcoxon ${pText(wilcoxon.p, alpha)}</small>`}${tTest === null ? '' : html`<small>t-test ${pText(tTest.p, alpha)}</small>`}`;
}

/** Holm's adjusted p, and within which family of tests. */
function holmCell({ holm }: Pick<TestedDifference, 'holm'>, alpha: number): string | Html {
  if (holm === null) return DASH;
  return html`${pText(holm.adjustedP, alpha)}<small>smallest ${pText(holm.smallestAdjustedP, alpha)}</small
    ><small>${holm.family}, m = ${holm.members}</small>`;
}

function powerCell(power: TestedDifference['power']): string | Html {
  if (power === null) return DASH;
  return html`${power.seedsNeeded === null ? DASH : decimal(power.seedsNeeded, 0)}<small
      >attainable from ${power.attainableFrom}</small
    >`;
}

/** `nothing` only where the arms are declared, connected and came out alike in everything that is known of them. */
function besidesCell(study: StudyDeclaration, difference: TestedDifference): Html {
  const { alsoDiffers, consequences } = difference;
  const [baseline, arm] = [difference.baseline, difference.arm].map((id) =>
    study.experiments.find((experiment) => experiment.id === id),
  );
  const connected = baseline && arm ? connectedBesides(study, arm, baseline).length : 0;
  const followed = [
    ...consequences.map((each) => consequenceText(each, difference)),
    ...(connected === 0 ? [] : [`which steps run and what they take, ${counted(connected, 'difference')} (swp lint)`]),
  ];
  const named =
    alsoDiffers.length <= NAMED ? alsoDiffers : [...alsoDiffers.slice(0, NAMED), `${alsoDiffers.length - NAMED} more`];
  return html`<div class="besides">
    ${named.join(', ') || (followed.length === 0 ? 'nothing' : '')}${followed.length === 0 ? '' : html`<small>as a consequence:</small>`}${followed.map((text) => html`<small>${text}</small>`)}
  </div>`;
}

/** Every declared test of a kind of survival; nothing if there is none. */
export function survivalTestsTable(
  { study: { analysis } }: StudyResults,
  comparisons: readonly ComparisonResult[],
): Html | '' {
  const items = comparisons.flatMap((comparison) =>
    comparison.survivalTests.map((item): Compared<SurvivalTest> => ({ comparison, item })),
  );
  if (items.length === 0) return '';
  return table<Compared<SurvivalTest>>(
    `Survival at the end of two arms: k of n runs with exact (Clopper-Pearson) ${exactPercent(analysis.confidence)} intervals. Arms with common seeds are paired (exact McNemar test on the discordant pairs), others compared by Fisher's exact test. Runs in which no super weight emerged are in neither k nor n.`,
    [
      {
        head: 'arms',
        cell: ({ item, comparison }) =>
          html`${item.arm} against ${item.baseline}<small
              >${comparison.name}: varies ${comparison.varies.join(', ')}</small
            >`,
      },
      { head: 'survival', cell: ({ item }) => metricText(item.metric) },
      { head: 'arm', numeric: true, cell: ({ item }) => countCell(item.armCount) },
      { head: 'baseline', numeric: true, cell: ({ item }) => countCell(item.baselineCount) },
      {
        head: 'only in one',
        numeric: true,
        cell: ({ item: { discordant, pairs } }) =>
          discordant === null
            ? DASH
            : html`${discordant.armOnly} : ${discordant.baselineOnly}<small>of ${counted(pairs, 'pair')}</small>`,
      },
      {
        head: 'exact p',
        numeric: true,
        cell: ({ item: { test } }) =>
          test === null
            ? DASH
            : html`${pText(test.p, analysis.alpha)}<small>smallest ${pText(test.smallestP, analysis.alpha)}</small
                ><small>${test.name === 'mcnemar' ? 'McNemar' : 'Fisher'}</small>`,
      },
      { head: 'Holm p', numeric: true, cell: ({ item }) => holmCell(item, analysis.alpha) },
      {
        head: 'verdict',
        cell: ({ item: { verdict } }) =>
          verdict === 'cannot-be-significant' ? 'cannot be significant' : verdictText(verdict),
      },
    ],
    items,
  );
}

function countCell({ proportion, noneEmerged, notSought, missing }: SurvivalCount): Html {
  const { interval } = proportion;
  return html`${countText(proportion)}${interval === null ? '' : html`<small>${proportionInterval(interval)}</small>`}${noneEmerged === 0 ? '' : html`<small>none emerged in ${noneEmerged}</small>`}${notSought === 0 ? '' : html`<small>not sought in ${notSought}</small>`}${missing === 0 ? '' : html`<small class="alert">unknown in ${missing}</small>`}`;
}

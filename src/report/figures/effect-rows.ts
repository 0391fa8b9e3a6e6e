/**
 * What the super weight costs when zeroed, at first and at the end, arm by arm: is one there, and does it still matter?
 */
import { largest, smallest } from '../../base/extremes.ts';
import type { RunResult, SurvivalSummary } from '../../generated/results.ts';
import {
  declarationOf,
  distinct,
  endOf,
  measuredEnd,
  namesOf,
  resultOf,
  runsOf,
  schemeOf,
  stepsBeforeReference,
} from '../arms.ts';
import { ruleSentence, thresholds } from '../causal-rule.ts';
import { distinctFates } from '../computations.ts';
import type { Spec } from '../chart.ts';
import { noneEmergedText } from '../late-emergence.ts';
import type { Html } from '../page/html.ts';
import type { StudyResults } from '../read-results.ts';
import { BLUE, FAINT, PURPLE, SOFT, VERMILION } from '../theme.ts';
import { countText, foundAgainCount, counted, decimal, percent, signed } from '../wording.ts';
import { fateOf, type Fate } from '../zeroing.ts';
import { defineFigure, FULL_WIDTH, pointLayers, type Figure, type Row } from './figure.ts';
import { labelColumn, rowChannel, rowChart, rowsHeight, textColumns, type ChartRow } from './row-chart.ts';
import { legend } from './legend.ts';
import { markOf, ruleOf, type MarkStyle } from './mark-style.ts';

const TITLE = 'The super weight’s effect, at first and at the end';
const LABELS = 215;
const COLUMNS = [72, 92, 54, 66, 66];

const FIRST: MarkStyle = { shape: 'circle', color: SOFT, hollow: true, width: 1.2 };

const ENDS: readonly { fate: Fate; style: MarkStyle }[] = [
  { fate: 'kept', style: { shape: 'circle', color: BLUE } },
  { fate: 'disconnected', style: { shape: 'diamond', color: PURPLE } },
  { fate: 'pruned', style: { shape: 'triangle-down', color: VERMILION } },
];

/** What zeroing a run's primary super weight costs. */
interface RunEffect {
  experiment: string;
  seed: number;
  first: number;
  firstStandardError: number | null;
  end: number | null;
  endStandardError: number | null;
  kept: boolean | null;
  disconnected: boolean | null;
  functional: boolean | null;
  key: string | null;
}

/** A heading with the experiments below it. */
export interface EffectGroup {
  heading: string;
  ids: readonly string[];
}

/** On several pages, each with its groups of arms and its sentence. */
export function effectRows(options: {
  groups: (results: StudyResults) => EffectGroup[];
  finding: (results: StudyResults) => string;
  tables?: (results: StudyResults) => (Html | '')[];
}) {
  return defineFigure({
    ...options,
    plots: ['effect'],
    shows: 'what zeroing the super weight costs, when it was confirmed and at the end, arm by arm',
    draw: (results) => draw(results, options.groups(results)),
  });
}

function draw(results: StudyResults, groups: readonly EffectGroup[]): Figure<'effect'> {
  const ids = groups.flatMap((group) => group.ids);
  const effects = ids.flatMap((experiment) =>
    runsOf(results, experiment).flatMap((run) => effectOf(results, run) ?? []),
  );
  const known = ids.filter(
    (experiment) =>
      resultOf(results, experiment).reference.confirmed + resultOf(results, experiment).reference.noneEmerged > 0,
  );
  if (known.length === 0)
    return {
      title: TITLE,
      caption: 'Nothing to draw: of no run is it known whether a super weight was there.',
      plots: [],
    };
  return {
    title: TITLE,
    caption: `What zeroing the super weight costs: hollow, when it was confirmed; filled, at the end of the run; one line a run, the unit of replication (${counted(distinctFates(results, ids).length, 'distinct run')} in which one was followed to the end). Where none emerged, survival does not apply: that is neither 0 nor 100 %.${ruleSentence(results.study, known)}`,
    method:
      'Nats per token that zeroing the primary super weight costs (symmetric log). Was there: the distinct reference models in which one was confirmed.',
    plots: [
      {
        name: 'effect',
        alt: alt(results, known),
        spec: chart(results, groups, effects),
        rows: effects.map((run): Row => ({ ...run, scheme: schemeOf(declarationOf(results, run.experiment)) })),
      },
    ],
  };
}

function effectOf(results: StudyResults, run: RunResult): RunEffect | undefined {
  const [primary] = run.reference.superWeights;
  if (primary === undefined) return undefined;
  const end = measuredEnd(results, run);
  const weight = end?.survival.weights[0];
  return {
    experiment: run.experiment,
    seed: run.seed,
    first: primary.effect,
    firstStandardError: primary.effectStandardError,
    end: weight?.effect ?? null,
    endStandardError: weight?.effectStandardError ?? null,
    kept: weight?.kept ?? null,
    disconnected: weight?.disconnected ?? null,
    functional: weight?.functional ?? null,
    key: end?.keys['superWeights'] ?? null,
  };
}

/** @param levels effects from which on zeroing counts */
function markLabel(run: RunEffect, levels: readonly number[]): string {
  const first = `${run.experiment} seed ${run.seed}: ${signed(run.first, 3, levels)} nats at first`;
  if (run.end === null) return first;
  return `${first}, ${signed(run.end, 3, levels)} at the end; ${runFate(run)}`;
}

function runFate({ kept, disconnected }: Pick<RunEffect, 'kept' | 'disconnected'>): Fate {
  return fateOf({ kept: kept === true, disconnected: disconnected === true });
}

function endStyle(run: RunEffect): MarkStyle {
  return ENDS.find(({ fate }) => fate === runFate(run))!.style;
}

function chart(results: StudyResults, groups: readonly EffectGroup[], effects: readonly RunEffect[]): Spec {
  const rows: (ChartRow & { id?: string })[] = groups.flatMap(({ heading, ids }) =>
    ids.length === 0
      ? []
      : [
          { heading: true, label: heading },
          ...distinct(results, ids).map((id) => ({ id, label: namesOf(results, id), note: stepsNote(results, id) })),
        ],
  );
  const y = rowChannel(rows);
  const top = Math.max(0.3, largest(effects.flatMap(({ first, end }) => [first, end ?? 0]))) * 1.2;
  const bottom = Math.min(0, smallest(effects.map(({ end }) => end ?? 0)));
  const x = {
    field: 'first',
    type: 'quantitative',
    scale: { type: 'symlog', constant: 0.1, domain: [bottom - 0.012, top], nice: false },
    axis: {
      title: 'nats per token if zeroed (symmetric log)',
      values: [0, 0.1, 0.3, 1, 3, 10].filter((tick) => tick <= top),
      format: '.3~g',
      grid: true,
    },
  };
  const marks = effects.flatMap((run) => {
    const row = rows.findIndex(({ id }) => id === run.experiment);
    if (row < 0) return [];
    const declaration = declarationOf(results, run.experiment);
    const { seeds } = declaration;
    const levels = thresholds(results.study, declaration, 'minimumEffect');
    const offset = (seeds.indexOf(run.seed) - (seeds.length - 1) / 2) * Math.min(0.24, 0.7 / seeds.length);
    return {
      ...run,
      row: row + offset,
      label: markLabel(run, levels),
    };
  });
  const ended = marks.filter(({ end }) => end !== null);
  const nothing = rows.flatMap(({ id }, row) =>
    id === undefined || marks.some(({ experiment }) => experiment === id)
      ? []
      : [
          {
            row,
            first: 0,
            text: resultOf(results, id).reference.noneEmerged > 0 ? noneEmergedText(results, id) : 'not known',
          },
        ],
  );
  const panel: Spec = {
    width: FULL_WIDTH - LABELS - COLUMNS.reduce((sum, width) => sum + width, 0) - 40,
    height: rowsHeight(rows),
    layer: [
      {
        data: { values: nothing },
        mark: { type: 'text', align: 'left', baseline: 'middle', dx: 6, color: SOFT, fontStyle: 'italic', aria: false },
        encoding: { x, y, text: { field: 'text' } },
      },
      {
        data: { values: ended },
        mark: ruleOf({ shape: 'line', color: FAINT, width: 1.2 }),
        encoding: { x, x2: { field: 'end' }, y },
      },
      {
        data: { values: marks },
        mark: markOf(FIRST, 26),
        encoding: { x, y, description: { field: 'label', type: 'nominal' } },
      },
      ...pointLayers(
        ended,
        endStyle,
        { x: { ...x, field: 'end' }, y, description: { field: 'label', type: 'nominal' } },
        34,
      ),
    ],
  };
  const cells = (text: (id: string) => string) => rows.map(({ id }) => (id === undefined ? '' : text(id)));
  const survival = (id: string) => endOf(results, id)?.survival;
  const count = (textOf: (summary: SurvivalSummary) => string) => (id: string) => {
    const summary = survival(id);
    return summary === undefined || summary.n === 0
      ? summary !== undefined && summary.noneEmerged > 0
        ? 'n/a'
        : '–'
      : textOf(summary);
  };
  const emerged = (id: string) => {
    const { confirmed, noneEmerged } = resultOf(results, id).reference;
    return confirmed + noneEmerged === 0 ? '–' : `${confirmed} of ${confirmed + noneEmerged}`;
  };
  return {
    vconcat: [
      legend([
        { text: 'when it was confirmed', styles: [FIRST] },
        ...ENDS.filter(({ fate }) => ended.some((run) => runFate(run) === fate)).map(({ fate, style }) => ({
          text: `at the end, ${fate}`,
          styles: [style],
        })),
      ]),
      rowChart([
        labelColumn(rows, LABELS, FULL_WIDTH - 20),
        panel,
        textColumns(rows, [
          {
            head: 'sparsity',
            width: COLUMNS[0]!,
            cells: cells((id) =>
              endOf(results, id)?.sparsity.mean === undefined || endOf(results, id)!.sparsity.mean === null
                ? '–'
                : percent(endOf(results, id)!.sparsity.mean!),
            ),
          },
          { head: 'was there', width: COLUMNS[1]!, cells: cells(emerged) },
          { head: 'kept', width: COLUMNS[2]!, cells: cells(count(({ kept }) => countText(kept))) },
          { head: 'matters', width: COLUMNS[3]!, cells: cells(count(({ functional }) => countText(functional))) },
          { head: 'found again', width: COLUMNS[4]!, cells: cells(count(foundAgainCount)) },
        ]),
      ]),
    ],
    spacing: 10,
  };
}

/** When the reference set was sought: `after 3,500 steps`. */
function stepsNote(results: StudyResults, id: string): string {
  const steps = stepsBeforeReference(results, id);
  if (steps === null) return '';
  return steps === 0 ? 'at the start' : `after ${decimal(steps, 0)} steps`;
}

function alt(results: StudyResults, ids: readonly string[]): string {
  const parts = ids.map((id) => {
    const { confirmed, noneEmerged } = resultOf(results, id).reference;
    const survival = endOf(results, id)?.survival;
    return `${id}: one was there in ${confirmed} of ${confirmed + noneEmerged}${survival === undefined || survival.n === 0 ? '' : `, at the end it still mattered in ${countText(survival.functional)}`}`;
  });
  return `Effect of zeroing the super weight, at first and at the end, by experiment. ${parts.join('; ')}.`;
}

/** In how many runs each kind of survival holds: a grid of experiments by rounds. */
import { largest } from '../../base/extremes.ts';
import type { ExperimentPoint, SurvivalSummary } from '../../generated/results.ts';
import { lowerBoundOfAll } from '../../science/statistics/all-of-n.ts';
import { comparisonsOf, distinct, namesOf } from '../arms.ts';
import { ruleSentence } from '../causal-rule.ts';
import type { Spec } from '../chart.ts';
import { textWidth } from '../font.ts';
import { jointSetsTable, jointSurvivalTable } from '../page/joint-sets-table.ts';
import type { StudyResults } from '../read-results.ts';
import { BLUE, FAINT, INK } from '../theme.ts';
import { survivalSentences } from '../verdict-text.ts';
import { countText, counted, exactPercent, percent, proportionInterval } from '../wording.ts';
import { defineFigure, FULL_WIDTH, type Figure, type Row } from './figure.ts';

const TITLE = 'Three survivals, round by round';

/** Of all experiments, right after each prune and after the training that follows. */
export const survivalCounts = defineFigure({
  plots: ['counts'],
  shows: 'in how many runs each kind of survival holds, of all experiments, round by round',
  draw,
  finding: (results) => {
    const tests = comparisonsOf(results, 'survival').flatMap(({ survivalTests }) => survivalTests);
    return tests.length === 0
      ? 'No comparison of this study tests a survival: the counts stand for themselves.'
      : survivalSentences(tests, results.study.analysis.alpha);
  },
  // Here, since there may be joint sets where no weight counts alone and nothing else has anything to draw.
  tables: (results) => [jointSetsTable(results), jointSurvivalTable(results)],
});

function draw(results: StudyResults): Figure<'counts'> {
  const counts = countRows(results);
  if (counts.every(({ n, noneEmerged }) => n === 0 && noneEmerged === 0))
    return { title: TITLE, caption: 'Nothing to draw: no detection left a result.', plots: [] };
  return {
    title: TITLE,
    caption:
      `In how many runs each survival holds, k of n, where n counts the runs that had a reference super weight and were measured; a run is the unit of replication and counts once, by its primary super weight (up to ${counted(largest(counts.map(({ n }) => n)), 'run')}). A dash marks arms in which no super weight was there to survive: survival does not apply, which is neither 0 nor 100 %.${counts.some(({ text }) => text === NOT_SOUGHT) ? ' A dot: super weights were not sought there, only the known ones were tested.' : ''}${ruleSentence(results.study)} ` +
      `The exact intervals are in the data: 3 of 3 is compatible with ${percent(lowerBoundOfAll(3, results.study.analysis.confidence), 0)}.`,
    plots: [
      {
        name: 'counts',
        alt: 'Grid of experiments by rounds: in how many runs the super weight is kept, still matters, and is found again at the same place. The table of experiments holds the figures at the end.',
        spec: grid(results, counts),
        rows: counts,
      },
    ],
  };
}

const KINDS = [
  { name: 'kept', title: 'mask bit: kept', of: (survival: SurvivalSummary) => survival.kept },
  {
    name: 'functional',
    title: 'functional: zeroing it still hurts',
    of: (survival: SurvivalSummary) => survival.functional,
  },
  {
    name: 'redetectedSame',
    title: 're-detected at the same place',
    of: (survival: SurvivalSummary) => survival.redetectedSame,
  },
] as const;

/** A cell to which survival does not apply. */
const NONE_EMERGED = '\u2013';
/** One in which nothing was sought that could be found again. */
const NOT_SOUGHT = '\u00b7';

type CountRow = Row & {
  experiment: string;
  kind: string;
  phase: ExperimentPoint['phase'];
  level: number;
  n: number;
  text: string;
};

function countRows(results: StudyResults): CountRow[] {
  return results.experiments.flatMap(({ id, points }) =>
    points
      .filter(({ phase }) => phase !== 'start')
      .flatMap(({ phase, round, level, copies, survival }) =>
        KINDS.map(({ name, of }) => {
          const { k, n, interval } = of(survival);
          const unknown = survival.n > 0 ? NOT_SOUGHT : survival.noneEmerged > 0 ? NONE_EMERGED : '?';
          const text = n > 0 ? countText({ k, n, interval }) : unknown;
          return {
            experiment: id,
            kind: name,
            phase,
            round,
            level,
            k,
            n,
            lower: interval?.lower ?? null,
            upper: interval?.upper ?? null,
            disconnected: survival.disconnected,
            copies,
            noneEmerged: survival.noneEmerged,
            missing: survival.missing,
            text,
          };
        }),
      ),
  );
}

/** Three survivals (rows) by just pruned and retrained (columns); in each, experiments by rounds. */
function grid(results: StudyResults, counts: CountRow[]): Spec {
  const ids = distinct(
    results,
    results.study.experiments.map(({ id }) => id),
  );
  const name = (id: string) => namesOf(results, id);
  const levels = largest(counts.map(({ level }) => level)) + 1;
  const NAMES = 12 + largest(ids.map((id) => textWidth(name(id), 11)));
  const cell = Math.min(46, Math.floor((FULL_WIDTH - NAMES - 30) / (2 * levels)));
  const panel = (kind: (typeof KINDS)[number], phase: 'pruned' | 'trained'): Spec => {
    const values = counts
      .filter((row) => row.kind === kind.name && row.phase === phase && ids.includes(row.experiment))
      .map((row) => ({
        ...row,
        name: name(row.experiment),
        share: row.n === 0 ? 0 : Number(row['k']) / row.n,
        label: cellLabel(row, results.study.analysis.confidence),
      }));
    const x = {
      field: 'level',
      type: 'ordinal',
      scale: { domain: Array.from({ length: levels }, (_, i) => i) },
      axis: {
        title: kind === KINDS.at(-1) ? 'rounds completed' : null,
        labelAngle: 0,
        domain: false,
        ticks: false,
        labels: true,
      },
    };
    const y = {
      field: 'name',
      type: 'ordinal',
      scale: { domain: ids.map(name) },
      axis: {
        title: null,
        labels: phase === 'pruned',
        domain: false,
        ticks: false,
        labelColor: INK,
        labelLimit: NAMES,
      },
    };
    return {
      title: { text: kind.title, subtitle: phase === 'pruned' ? 'just pruned' : 'retrained' },
      width: cell * levels,
      height: 17 * ids.length,
      layer: [
        {
          data: { values },
          mark: { type: 'rect', cornerRadius: 2, height: { band: 0.88 }, width: { band: 0.92 } },
          encoding: {
            x,
            y,
            fill: { condition: { test: 'datum.n === 0', value: FAINT }, value: BLUE },
            fillOpacity: {
              condition: { test: 'datum.n === 0', value: 0.35 },
              field: 'share',
              type: 'quantitative',
              scale: { domain: [0, 1], range: [0.06, 0.5] },
              legend: null,
            },
            description: { field: 'label', type: 'nominal' },
          },
        },
        {
          data: { values },
          mark: { type: 'text', fontSize: cell < 30 ? 8.5 : 10, aria: false, baseline: 'middle', color: INK },
          encoding: { x, y, text: { field: 'text' } },
        },
      ],
    };
  };
  return {
    vconcat: KINDS.map((kind) => ({ hconcat: [panel(kind, 'pruned'), panel(kind, 'trained')], spacing: 16 })),
    spacing: 16,
  };
}

function cellLabel(row: CountRow, confidence: number): string {
  const what = `${row.experiment}, level ${row.level}, ${row.phase}`;
  if (row.n === 0)
    return `${what}: ${{ [NONE_EMERGED]: 'not applicable, none emerged', [NOT_SOUGHT]: 'not sought' }[row.text] ?? 'not measured'}`;
  return `${what}: ${row.text}, ${exactPercent(confidence)} interval ${proportionInterval({ lower: Number(row['lower']), upper: Number(row['upper']) })}`;
}

/**
 * What becomes of the reference super weights: magnitude rank, margin, effect and the three survivals, round by round.
 */
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { ExperimentPoint, SurvivalSummary } from '../../generated/results.ts';
import { endOf } from '../arms.ts';
import type { Spec } from '../chart.ts';
import type { StudyResults } from '../read-results.ts';
import { BLUE, FAINT, INK, SOFT, VERMILION } from '../theme.ts';
import { coordinateText, countText, counted, decimal, scalingText, signed } from '../wording.ts';
import {
  FULL_WIDTH,
  horizontalRule,
  logTicks,
  panelTitle,
  smallMultiples,
  titled,
  type Figure,
  type Row,
} from './figure.ts';
import { roundChannel, strip, withinRun } from './run-axis.ts';

/** Height of a panel in pixels. */
const PANEL_HEIGHT = 120;

/** How re-detection is drawn. */
const SHAPES = { same: 'circle', moved: 'diamond', none: 'triangle-down' } as const;

const TITLE = 'Magnitude rank, margin and effect, run by run';

/** @param ids experiments whose runs are drawn; the grid of counts has them all */
export function survivalFigure(results: StudyResults, ids: readonly string[]): Figure {
  const rows = survivalRows(results).filter(({ experiment }) => ids.includes(experiment));
  const experiments = results.study.experiments.filter(({ id }) => rows.some(({ experiment }) => experiment === id));
  if (rows.length === 0)
    return { title: TITLE, caption: 'Nothing to draw: in no run was there a super weight to follow.', plots: [] };
  const followed = new Set(rows.map(({ experiment, seed }) => `${experiment} ${seed}`)).size;
  const margins = rows.filter(({ margin }) => margin !== null && margin > 0);
  return {
    title: TITLE,
    caption:
      `Of each reference super weight, one line a run, the unit of replication (${counted(followed, 'run')} that hold one): its magnitude rank among all prunable weights (1 = largest, logarithmic); its magnitude over the threshold of the last prune (below 1 the next prune of that threshold would take it); and what zeroing it costs (symmetric log). ` +
      `Each mark holds the three survivals: colour, whether its mask bit still keeps it; fill, whether zeroing it still hurts; shape, whether the detector finds a super weight again at the same place, elsewhere, or nowhere. ${scalingText(results.study)}`,
    plots: [
      {
        id: '1b-rank',
        alt: fateAlt(results, 'Magnitude rank', experiments),
        spec: fates(experiments, rows, rankMeasure(rows)),
        rows,
      },
      ...(margins.length === 0
        ? []
        : [
            {
              id: '1c-margin',
              alt: fateAlt(results, 'Margin to the threshold', experiments),
              spec: fates(experiments, margins, marginMeasure(margins)),
              rows: margins,
            },
          ]),
      {
        id: '1d-effect',
        alt: fateAlt(results, 'Functional effect', experiments),
        spec: fates(experiments, rows, effectMeasure(rows)),
        rows,
      },
    ],
  };
}

const GRID_TITLE = 'Three survivals, round by round';

/**
 * In how many runs each survival holds, of all experiments, right after each prune and after the training that follows.
 */
export function survivalGridFigure(results: StudyResults): Figure {
  const counts = countRows(results);
  if (counts.every(({ n, noneEmerged }) => n === 0 && noneEmerged === 0))
    return { title: GRID_TITLE, caption: 'Nothing to draw: no detection left a result.', plots: [] };
  return {
    title: GRID_TITLE,
    caption:
      `In how many runs each survival holds, k of n, where n counts the runs that had a reference super weight and were measured; a run is the unit of replication and counts once, by its primary super weight (up to ${counted(Math.max(...counts.map(({ n }) => n)), 'run')}). A dash marks arms in which no super weight was there to survive: survival does not apply, which is neither 0 nor 100 %. ` +
      `The exact intervals are in the data: 3 of 3 is compatible with 29 %. ${scalingText(results.study)}`,
    plots: [
      {
        id: '1e-counts',
        alt: 'Grid of experiments by rounds: in how many runs the super weight is kept, still matters, and is found again at the same place. The table of experiments holds the figures at the end.',
        spec: grid(results, counts),
        rows: counts,
      },
    ],
  };
}

type SurvivalRow = ReturnType<typeof survivalRows>[number];

/** One row per run, moment and reference super weight. */
function survivalRows(results: StudyResults) {
  return results.runs.flatMap(({ experiment, seed, measurements }) =>
    measurements.flatMap(({ round, phase, level, sparsity, survival, newlyConfirmed, keys }) =>
      survival.weights.map((weight, i) => ({
        experiment,
        seed,
        round,
        phase,
        level,
        sparsity,
        primary: i === 0,
        tensor: weight.coordinate.tensor,
        row: weight.coordinate.row,
        col: weight.coordinate.col,
        value: weight.value,
        rank: weight.rank,
        tensorRank: weight.tensorRank,
        threshold: weight.threshold,
        margin: weight.margin,
        effect: weight.effect,
        kept: weight.kept,
        functional: weight.functional,
        redetection: weight.redetection,
        newlyConfirmed: newlyConfirmed.map(coordinateText).join('; '),
        key: keys['superWeights'] ?? null,
      })),
    ),
  );
}

/** A measure of a super weight, and how its axis is drawn. */
interface Measure {
  field: 'rank' | 'margin' | 'effect';
  title: string;
  scale: Spec;
  ticks: number[];
  format: string;
  /** A value worth a rule. */
  rule?: number;
}

function rankMeasure(rows: SurvivalRow[]): Measure {
  const worst = Math.max(...rows.map(({ rank }) => rank), 10);
  return {
    field: 'rank',
    title: 'magnitude rank',
    scale: { type: 'log', domain: [worst * 1.6, 0.75], nice: false },
    ticks: logTicks(1, worst, 6),
    format: '~s',
  };
}

function marginMeasure(rows: SurvivalRow[]): Measure {
  const margins = rows.map(({ margin }) => margin!);
  const domain = [Math.min(0.8, ...margins) / 1.15, Math.max(2, ...margins) * 1.25];
  return {
    field: 'margin',
    title: 'times the threshold',
    scale: { type: 'log', domain, nice: false },
    ticks: logTicks(domain[0]!, domain[1]!, 6),
    format: '~s',
    rule: 1,
  };
}

function effectMeasure(rows: SurvivalRow[]): Measure {
  const effects = rows.map(({ effect }) => effect);
  const domain = [Math.min(0, ...effects), Math.max(0.2, ...effects) * 1.15];
  return {
    field: 'effect',
    title: 'nats if zeroed',
    scale: { type: 'symlog', constant: 0.1, domain, nice: false },
    ticks: [0, 0.1, 0.3, 1, 3, 10].filter((tick) => tick <= domain[1]!),
    format: '~g',
  };
}

/** One panel an experiment, one line a run and reference super weight; marks hold the three survivals. */
function fates(experiments: readonly ExperimentDeclaration[], rows: SurvivalRow[], measure: Measure): Spec {
  const panels = experiments.map((experiment, i) => {
    const own = rows.filter((row) => row.experiment === experiment.id);
    const apart = 0.014 * (experiment.rounds + 1); // equal values of several seeds stay visible side by side
    const marks = own.map((row) => ({
      ...row,
      at: withinRun(row) + apart * (experiment.seeds.indexOf(row.seed) - (experiment.seeds.length - 1) / 2),
      line: `${row.seed} ${row.tensor} ${row.row} ${row.col}`,
      label: markLabel(row),
    }));
    const has = titled(i, experiments.length);
    const x = roundChannel(experiment.rounds, has.x);
    const y = {
      field: measure.field,
      type: 'quantitative',
      scale: measure.scale,
      axis: { values: measure.ticks, labelOverlap: false, format: measure.format, title: has.y ? measure.title : null },
    };
    return {
      title: panelTitle(experiment),
      layer: [
        ...(measure.rule === undefined ? [] : [horizontalRule(measure.rule, y, SOFT)]),
        {
          data: { values: marks },
          mark: { type: 'line', strokeWidth: 1, color: FAINT, aria: false },
          encoding: { x, y, detail: { field: 'line', type: 'nominal' }, order: { field: 'at', type: 'quantitative' } },
        },
        {
          data: { values: marks },
          mark: { type: 'point', size: experiment.rounds > 8 ? 13 : 24, strokeWidth: 1.2, opacity: 1 },
          encoding: {
            x,
            y,
            shape: {
              field: 'redetection',
              type: 'nominal',
              scale: { domain: Object.keys(SHAPES), range: Object.values(SHAPES) },
              legend: null,
            },
            stroke: { condition: { test: 'datum.kept', value: BLUE }, value: VERMILION },
            fill: { condition: { test: 'datum.kept', value: BLUE }, value: VERMILION },
            fillOpacity: { condition: { test: 'datum.functional', value: 1 }, value: 0 },
            description: { field: 'label', type: 'nominal' },
          },
        },
      ],
    };
  });
  return {
    vconcat: [
      strip([
        { text: 'mask bit: kept', shape: 'square', filled: true, color: BLUE },
        { text: 'pruned', shape: 'square', filled: true, color: VERMILION },
        { text: 'filled: zeroing it hurts', shape: 'circle', filled: true, color: INK },
        { text: 'hollow: it does not', shape: 'circle', filled: false, color: INK },
        { text: 'shape: found again in place', shape: SHAPES.same, filled: true, color: INK },
        { text: 'elsewhere', shape: SHAPES.moved, filled: true, color: INK },
        { text: 'nowhere', shape: SHAPES.none, filled: true, color: INK },
      ]),
      smallMultiples(panels, PANEL_HEIGHT),
    ],
    spacing: 10,
  };
}

function markLabel(row: SurvivalRow): string {
  const margin = row.margin === null ? '' : `, ${decimal(row.margin, 1)} times the threshold`;
  const found = { same: 'found again in place', moved: 'one found elsewhere', none: 'none found' }[row.redetection];
  return `seed ${row.seed}, round ${row.round} ${row.phase}: rank ${decimal(row.rank, 0)}, value ${decimal(row.value, 2)}${margin}, zeroing it costs ${signed(row.effect, 3)} nats; ${row.kept ? 'kept' : 'pruned'}, ${found}`;
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
      .flatMap(({ phase, round, level, survival }) =>
        KINDS.map(({ name, of }) => {
          const { k, n, interval } = of(survival);
          const text = n > 0 ? countText({ k, n, interval }) : survival.noneEmerged > 0 ? NONE_EMERGED : '?';
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
  const ids = results.study.experiments.map(({ id }) => id);
  const levels = Math.max(...counts.map(({ level }) => level)) + 1;
  const NAMES = 76;
  const cell = Math.min(46, Math.floor((FULL_WIDTH - NAMES - 30) / (2 * levels)));
  const panel = (kind: (typeof KINDS)[number], phase: 'pruned' | 'trained'): Spec => {
    const values = counts
      .filter((row) => row.kind === kind.name && row.phase === phase)
      .map((row) => ({
        ...row,
        share: row.n === 0 ? 0 : Number(row['k']) / row.n,
        label: cellLabel(row),
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
      field: 'experiment',
      type: 'ordinal',
      scale: { domain: ids },
      axis: { title: null, labels: phase === 'pruned', domain: false, ticks: false, labelColor: INK },
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

function cellLabel(row: CountRow): string {
  const what = `${row.experiment}, level ${row.level}, ${row.phase}`;
  if (row.n === 0) return `${what}: ${row.text === NONE_EMERGED ? 'not applicable, none emerged' : 'not measured'}`;
  return `${what}: ${row.text}, 95 % interval ${decimal(100 * Number(row['lower']), 0)} to ${decimal(100 * Number(row['upper']), 0)} %`;
}

function fateAlt(results: StudyResults, what: string, experiments: readonly ExperimentDeclaration[]): string {
  const ends = experiments.map(({ id }) => {
    const survival = endOf(results, id)?.survival;
    if (survival === undefined || survival.n === 0)
      return `${id}: ${survival !== undefined && survival.noneEmerged > 0 ? 'none emerged' : 'not measured'}`;
    return `${id}: kept ${countText(survival.kept)}, functional ${countText(survival.functional)}, same place ${countText(survival.redetectedSame)}`;
  });
  return `${what} of the reference super weights by round, one panel per experiment. At the end: ${ends.join('; ')}.`;
}

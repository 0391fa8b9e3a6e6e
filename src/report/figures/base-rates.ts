/** Three kinds of survival of super weights, beside the survival of ordinary weights. */
import { largest, smallest } from '../../base/extremes.ts';
import { listed } from '../../base/listed.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { ExperimentPoint, Proportion, SurvivalSummary } from '../../generated/results.ts';
import { comparisonsOf, declarationOf, distinct, namesOf, resultOf, runsOf } from '../arms.ts';
import { ruleSentence } from '../causal-rule.ts';
import type { Spec } from '../chart.ts';
import { survivalTestsTable } from '../page/comparison-tables.ts';
import { functionText, isLostUnpruned, lessText, trainedLooks } from '../lost-function.ts';
import { followedArms, isFollowed, prunedArms } from '../pruned-arms.ts';
import type { StudyResults } from '../read-results.ts';
import { survivalText } from '../topics/survival.ts';
import { BLUE, FAINT, GREEN, SOFT, VERMILION } from '../theme.ts';
import { countText, foundAgainCount, counted, exactPercent, percent } from '../wording.ts';
import { defineFigure, panelTitle, smallMultiples, titled, type Figure, type Row } from './figure.ts';
import { legend } from './legend.ts';
import { markOf, ruleOf, type MarkStyle } from './mark-style.ts';

const TITLE = 'Three kinds of survival, beside their base rates';
const PANEL_HEIGHT = 125;

const KINDS = [
  {
    name: 'kept',
    text: 'mask bit: kept',
    style: { shape: 'circle', color: BLUE } satisfies MarkStyle,
    of: (survival: SurvivalSummary): Proportion => survival.kept,
  },
  {
    name: 'functional',
    text: 'functional: zeroing hurts',
    style: { shape: 'square', color: GREEN } satisfies MarkStyle,
    of: (survival: SurvivalSummary): Proportion => survival.functional,
  },
  {
    name: 'redetected',
    text: 'found again at its place',
    style: { shape: 'triangle-up', color: VERMILION } satisfies MarkStyle,
    of: (survival: SurvivalSummary): Proportion => survival.redetectedSame,
  },
] as const;

/** How far apart the three kinds and the controls are drawn, in levels. */
const APART = 0.19;

const GROUND: MarkStyle = { shape: 'area', color: FAINT, opacity: 0.4 };
const CONTROLS: MarkStyle = { shape: 'diamond', color: SOFT, hollow: true };

/** Panels at most: the figure opens its page, and is to be seen at once. The counts of all arms are further below. */
const PANELS = 6;

export const baseRates = defineFigure({
  plots: ['survival'],
  shows: 'three kinds of survival by sparsity, beside the base rate: what became of ordinary weights',
  draw,
  finding: (results) =>
    `${survivalText(results, prunedArms(results))}${functionText(results, prunedArms(results))}${lessText(results, prunedArms(results))} ${lossText(results, prunedArms(results))}`.trim(),
  tables: (results) => [survivalTestsTable(results, comparisonsOf(results, 'survival'))],
});

/** Arms that are followed; those without anything to survive are named in the caption instead. */
function draw(results: StudyResults): Figure<'survival'> {
  const withoutAny = prunedArms(results).filter((arm) => !isFollowed(results, arm));
  const ids = distinct(results, [...followedArms(results), ...withoutAny.map(({ id }) => id)]);
  const arms = ids.map((id) => ({ id, points: pointsOf(results, id) }));
  const shown = arms.filter(({ points }) => points.some(({ survival }) => survival.n > 0));
  if (shown.length === 0)
    return {
      title: TITLE,
      caption: 'Nothing to draw: in no pruned run was there a reference super weight to follow.',
      plots: [],
    };
  const empty = arms.filter(
    ({ id }) =>
      !shown.some((arm) => arm.id === id) &&
      results.experiments.find((each) => each.id === id)!.reference.noneEmerged > 0,
  );
  const most = largest(shown.flatMap(({ points }) => points.map(({ survival }) => survival.n)));
  const drawn = shown.slice(0, PANELS);
  const others = shown.slice(PANELS).map(({ id }) => namesOf(results, id));
  const rows = shown.flatMap(({ id, points }) => points.flatMap((point) => rowsOf(id, point)));
  return {
    title: TITLE,
    caption:
      `The share of runs in which the super weight survives, after each prune and the training that follows (a run is the unit of replication, up to ${counted(most, 'run')} an arm). ` +
      `${shown.some(({ points }) => points.some(isUnsought)) ? 'Where super weights were not sought, no share of what was found again is drawn. ' : ''}A mask bit that is kept says something only where it stands above the base rate.${ruleSentence(results.study, ids)}${others.length === 0 ? '' : ` Not drawn, but in the data: ${listed(others)}.`}${empty.length === 0 ? '' : ` Not shown, because none emerged that could survive: ${listed(empty.map(({ id }) => id))}.`}`,
    method: `Bars: exact (Clopper-Pearson) ${exactPercent(results.study.analysis.confidence)} intervals. A run counts once, by its primary super weight. The grey area is the base rate: the share of all weights of the super weight's own tensor that are kept; hollow diamonds: of its matched controls.`,
    plots: [{ name: 'survival', alt: alt(shown), spec: panels(results, drawn), rows }],
  };
}

/** Super weights were followed there, and not sought. */
function isUnsought({ survival }: ExperimentPoint): boolean {
  return survival.n > 0 && survival.redetectedSame.n === 0;
}

interface ShownArm {
  id: string;
  points: ExperimentPoint[];
}

/** Retrained models by level; where nothing follows the last prune, that prune itself. */
function pointsOf(results: StudyResults, id: string): ExperimentPoint[] {
  const points = results.experiments
    .find((experiment) => experiment.id === id)!
    .points.filter(({ phase, sparsity }) => phase !== 'start' && sparsity.mean !== null);
  const byLevel = new Map<number, ExperimentPoint>();
  for (const point of points)
    if (point.phase === 'trained' || !byLevel.has(point.level)) byLevel.set(point.level, point);
  return [...byLevel.values()]
    .filter(({ level, sparsity }) => level > 0 || sparsity.mean === 0)
    .sort((a, b) => a.level - b.level);
}

function rowsOf(
  experiment: string,
  { level, phase, round, copies, sparsity, survival, baseRate }: ExperimentPoint,
): Row[] {
  return KINDS.map(({ name, of }) => {
    const { k, n, interval } = of(survival);
    return {
      experiment,
      kind: name,
      round,
      phase,
      level,
      sparsity: sparsity.mean,
      k,
      n,
      share: n === 0 ? null : k / n,
      lower: interval?.lower ?? null,
      upper: interval?.upper ?? null,
      copies,
      noneEmerged: survival.noneEmerged,
      missing: survival.missing,
      tensorKept: baseRate.tensorKept.mean,
      controlsKept: baseRate.controls.k,
      controls: baseRate.controls.n,
    };
  });
}

function panels(results: StudyResults, arms: readonly ShownArm[]): Spec {
  const specs = arms.map(({ id, points }, i) => {
    const levels = points.map(({ level }) => level);
    const size = levels.length > 8 ? 9 : 26;
    const labels = Object.fromEntries(points.map(({ level, sparsity }) => [level, percentLabel(sparsity.mean!)]));
    const has = titled(i, arms.length);
    const x = {
      field: 'at',
      type: 'quantitative',
      scale: { domain: [smallest(levels) - 0.5, largest(levels) + 0.5], nice: false, zero: false },
      axis: {
        title: has.x ? 'sparsity after each round' : null,
        values: thinned(levels, labels),
        labelExpr: `${JSON.stringify(labels)}[datum.value]`,
        grid: false,
        labelOverlap: false,
      },
    };
    const y = {
      field: 'share',
      type: 'quantitative',
      scale: { domain: [0, 1.06], nice: false },
      axis: { title: has.y ? 'share surviving' : null, values: [0, 0.5, 1], format: '.0%' },
    };
    const base = points.flatMap(({ level, baseRate }) =>
      baseRate.tensorKept.mean === null ? [] : [{ at: level, share: baseRate.tensorKept.mean }],
    );
    const stretched =
      base.length === 0
        ? []
        : [{ ...base[0]!, at: base[0]!.at - 0.5 }, ...base, { ...base.at(-1)!, at: base.at(-1)!.at + 0.5 }];
    const controls = points.flatMap(({ level, baseRate: { controls } }) =>
      controls.n === 0
        ? []
        : [
            {
              at: level + 1.5 * APART,
              share: controls.k / controls.n,
              label: `matched controls kept: ${countText(controls)}`,
            },
          ],
    );
    return {
      title: panelTitle(results, declarationOf(results, id)),
      layer: [
        {
          data: { values: stretched },
          mark: markOf(GROUND),
          encoding: { x, y },
        },
        ...KINDS.flatMap(({ text, style, of }, kind) => {
          const values = points
            .filter(({ survival }) => of(survival).n > 0)
            .map(({ level, survival, sparsity }) => {
              const count = of(survival);
              return {
                at: level + APART * (kind - 1.5),
                share: count.k / count.n,
                low: count.interval!.lower,
                high: count.interval!.upper,
                label: `${id} at ${percent(sparsity.mean!)} sparsity, ${text}: ${countText(count)}`,
              };
            });
          return [
            {
              data: { values },
              mark: ruleOf({ ...style, width: 1, opacity: 0.55 }),
              encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' } },
            },
            {
              data: { values },
              mark: markOf(style, size),
              encoding: { x, y, description: { field: 'label', type: 'nominal' } },
            },
          ];
        }),
        {
          data: { values: controls },
          mark: markOf(CONTROLS, size),
          encoding: { x, y, description: { field: 'label', type: 'nominal' } },
        },
      ],
    };
  });
  return {
    vconcat: [
      legend([
        ...KINDS.map(({ text, style }) => ({ text, styles: [style] })),
        { text: 'base rate: its tensor kept', styles: [GROUND] },
        ...(arms.some(({ points }) => points.some(({ baseRate }) => baseRate.controls.n > 0))
          ? [{ text: 'its controls kept', styles: [CONTROLS] }]
          : []),
      ]),
      smallMultiples(specs, PANEL_HEIGHT),
    ],
    spacing: 10,
  };
}

/** `41 %`; one decimal where whole per cents would make levels look alike. */
function percentLabel(sparsity: number): string {
  return sparsity > 0.9 && sparsity < 1 ? percent(sparsity, 1) : percent(sparsity, 0);
}

/** As many levels as have room for their labels, the last one among them. */
function thinned(levels: readonly number[], labels: Record<number, string>): number[] {
  const every = Math.ceil(
    (levels.length * (Math.max(...Object.values(labels).map((label) => label.length)) + 1) * 6.2) / 215,
  );
  return levels.filter((_, i) => (levels.length - 1 - i) % every === 0);
}

function alt(arms: ShownArm[]): string {
  const ends = arms.map(({ id, points }) => {
    const { survival, sparsity, baseRate } = points.at(-1)!;
    const base =
      baseRate.tensorKept.mean === null ? '' : `, ${percent(baseRate.tensorKept.mean, 0)} of its tensor kept`;
    return `${id} at ${percent(sparsity.mean!)}: kept ${countText(survival.kept)}, functional ${countText(survival.functional)}, same place ${foundAgainCount(survival)}${base}`;
  });
  return `Small multiples, one per experiment: share of runs in which the super weight survives, of three kinds, by sparsity, beside the share of ordinary weights that are kept. At the end: ${ends.join('; ')}.`;
}

/** The run that first shows the loss, by rising sparsity; those that lose it by training alone are left out. */
function lossText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const all = arms.flatMap(({ id }) => runsOf(results, id));
  const pruning = all.filter((run) => !isLostUnpruned(run));
  const measured = pruning.flatMap((run) =>
    trainedLooks(run)
      .filter(({ sparsity }) => sparsity > 0)
      .map((look) => ({ ...look, id: run.experiment, seed: run.seed })),
  );
  const lost = measured.filter(({ functional }) => !functional).sort((a, b) => a.sparsity - b.sparsity)[0];
  const runs = 'Runs of different arms that share a checkpoint are not independent of each other.';
  const others = pruning.length < all.length;
  if (measured.length === 0) return '';
  if (lost === undefined)
    return `${others ? 'In the other runs it had stopped mattering after no retraining' : 'After no retraining had it stopped mattering'}. ${runs}`;
  const { id, seed, round, sparsity } = lost;
  const there = resultOf(results, id).points.find((point) => point.round === round && point.phase === 'trained');
  const left = there === undefined ? '' : `: it still mattered in ${countText(there.survival.functional)} there`;
  return `${others ? 'In the other runs, the' : 'The'} lowest sparsity at which it had stopped mattering after a retraining is ${percent(sparsity)} (${namesOf(results, id)}, seed ${seed}${left}). ${runs}`;
}

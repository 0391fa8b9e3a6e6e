/** The threshold's composition: how sparse each kind of tensor is at the end, against the whole. */
import { largest, smallest } from '../../base/extremes.ts';
import { listed } from '../../base/listed.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { MeasuredPruning } from '../../generated/results.ts';
import { declarationOf, distinct, lastPrunings, namesOf, runsOf, schemeOf } from '../arms.ts';
import type { Spec } from '../chart.ts';
import { hasThreshold, prunedArms, prunedBy, scopeOf } from '../pruned-arms.ts';
import type { StudyResults } from '../read-results.ts';
import { BLUE, INK, SOFT, VERMILION } from '../theme.ts';
import { range } from '../topics/parts.ts';
import { counted, percent } from '../wording.ts';
import { defineFigure, FULL_WIDTH, type Figure, type Row } from './figure.ts';
import { HEAD, labelColumn, rowChannel, rowChart, rowsHeight, textColumns } from './row-chart.ts';
import { legend } from './legend.ts';
import type { MarkStyle } from './mark-style.ts';

const TITLE = 'What the threshold spares: sparsity by kind of tensor';
const LABELS = 220;
const OVERALL = 80;

/** The opacity of the cell that is farthest from the whole. */
const STRONGEST = 0.55;

const HARDER: MarkStyle = { shape: 'area', color: VERMILION, opacity: STRONGEST };
const SPARED: MarkStyle = { shape: 'area', color: BLUE, opacity: STRONGEST };

/** Shares of kinds of tensor that differ by less are not told apart: a rounded number of weights is pruned in each. */
const ALIKE = 0.001;

interface Arm {
  id: string;
  n: number;
  scope: string;
  sparsity: number;
  kinds: Map<string, number>;
}

/**
 * On several pages, each with its arms.
 * @param finding the sentence below it, of the same arms
 */
export function composition(
  armsOf: (results: StudyResults) => ExperimentDeclaration[],
  finding: (results: StudyResults, arms: readonly ExperimentDeclaration[]) => string,
) {
  return defineFigure({
    plots: ['composition'],
    shows: 'how sparse each kind of tensor became at the end, against the whole',
    draw: (results) =>
      draw(
        results,
        armsOf(results).map(({ id }) => id),
      ),
    finding: (results) => finding(results, armsOf(results)),
  });
}

function draw(results: StudyResults, ids: readonly string[]): Figure<'composition'> {
  const arms = distinct(results, ids).flatMap((experiment) => compositionOf(results, experiment) ?? []);
  if (arms.length === 0)
    return {
      title: TITLE,
      caption: `Nothing to draw: nothing was pruned ${prunedBy(results.study, prunedArms(results))}.`,
      plots: [],
    };
  const isByThreshold = arms.some(({ id }) => hasThreshold(results.study, declarationOf(results, id)));
  const kinds = [...new Set(arms.flatMap((arm) => [...arm.kinds.keys()]))];
  return {
    title: isByThreshold ? TITLE : 'What the pruning spares: sparsity by kind of tensor',
    caption:
      `After the last prune: the share of each kind of tensor's weights that are zero, mean over ${counted(largest(arms.map(({ n }) => n)), 'run')} at most (the unit of replication). Orange: pruned harder than the whole, blue: spared. ` +
      `${isByThreshold ? 'One global threshold compares tensors of different scales, so an initialisation can protect a tensor merely by making its weights large; a threshold per layer cannot. ' : ''}`,
    plots: [
      { name: 'composition', alt: alt(arms), spec: heatmap(results, arms, kinds), rows: rows(results, arms, kinds) },
    ],
  };
}

function compositionOf(results: StudyResults, id: string): Arm | undefined {
  const pruned = lastPrunings(results, id).filter(({ pruned, forced, kinds }) => pruned > forced && kinds.length > 0);
  if (pruned.length === 0) return undefined;
  const mean = (of: (pruning: MeasuredPruning) => number) =>
    pruned.reduce((sum, pruning) => sum + of(pruning), 0) / pruned.length;
  const share = (kind: string) => (pruning: MeasuredPruning) => {
    const own = pruning.kinds.find((each) => each.kind === kind);
    return own === undefined || own.weights === 0 ? 0 : own.pruned / own.weights;
  };
  return {
    id,
    n: pruned.length,
    scope: scopeOf(results.study, declarationOf(results, id)),
    sparsity: mean(({ sparsity }) => sparsity),
    kinds: new Map(pruned[0]!.kinds.map(({ kind }) => [kind, mean(share(kind))])),
  };
}

function heatmap(results: StudyResults, arms: readonly Arm[], kinds: readonly string[]): Spec {
  const labels = arms.map(({ id, scope }) => ({
    label: namesOf(results, id),
    note: `${schemeOf(declarationOf(results, id))} · ${scope}`,
  }));
  const y = rowChannel(labels);
  const width = FULL_WIDTH - LABELS - OVERALL - 40;
  const cells = arms.flatMap(({ id, sparsity, kinds: own }, row) =>
    kinds.map((kind, column) => {
      const value = own.get(kind) ?? 0;
      return {
        row,
        top: row - 0.44,
        bottom: row + 0.44,
        from: column + 0.02,
        to: column + 0.98,
        column: column + 0.5,
        text: percent(value, 1),
        excess: value - sparsity,
        label: `${id}, ${kind}: ${percent(value, 1, [sparsity])} of its weights are zero, ${percent(sparsity, 1, [value])} of all`,
      };
    }),
  );
  const reach = Math.max(0.02, largest(cells.map(({ excess }) => Math.abs(excess))));
  const x = { field: 'column', type: 'quantitative', scale: { domain: [0, kinds.length], nice: false }, axis: null };
  const panel: Spec = {
    width,
    height: rowsHeight(labels),
    layer: [
      {
        data: { values: kinds.map((kind, i) => ({ row: HEAD, column: i + 0.5, text: kind })) },
        mark: { type: 'text', color: SOFT, fontSize: 10.5, baseline: 'middle', aria: false },
        encoding: { x, y, text: { field: 'text' } },
      },
      ...[HARDER, SPARED].map((style) => ({
        data: { values: cells.filter(({ excess }) => (excess > 0 ? HARDER : SPARED) === style) },
        mark: { type: 'rect', cornerRadius: 2, fill: style.color },
        encoding: {
          x: { ...x, field: 'from' },
          x2: { field: 'to' },
          y: { ...y, field: 'top' },
          y2: { field: 'bottom' },
          fillOpacity: {
            field: 'size',
            type: 'quantitative',
            scale: { domain: [0, reach], range: [0, STRONGEST] },
            legend: null,
          },
          description: { field: 'label', type: 'nominal' },
        },
        transform: [{ calculate: 'abs(datum.excess)', as: 'size' }],
      })),
      {
        data: { values: cells },
        mark: { type: 'text', color: INK, fontSize: 11, baseline: 'middle', aria: false },
        encoding: { x, y, text: { field: 'text' } },
      },
    ],
  };
  return {
    vconcat: [
      legend([
        { text: 'pruned harder than the whole', styles: [HARDER] },
        { text: 'spared; the stronger the colour, the farther from the whole', styles: [SPARED] },
      ]),
      rowChart([
        labelColumn(labels, LABELS, LABELS),
        textColumns(labels, [
          { head: 'all', width: OVERALL, align: 'right', cells: arms.map(({ sparsity }) => percent(sparsity)) },
        ]),
        panel,
      ]),
    ],
    spacing: 10,
  };
}

function rows(results: StudyResults, arms: readonly Arm[], kinds: readonly string[]): Row[] {
  return arms.flatMap(({ id, n, scope, sparsity, kinds: own }) =>
    kinds.map((kind) => ({
      experiment: id,
      scheme: schemeOf(declarationOf(results, id)),
      scope,
      n,
      kind,
      sparsity: own.get(kind) ?? null,
      overall: sparsity,
    })),
  );
}

function alt(arms: readonly Arm[]): string {
  const worst = arms.map(({ id, sparsity, kinds }) => {
    const sorted = [...kinds].sort((a, b) => a[1] - b[1]);
    const [spared, hit] = [sorted[0]!, sorted.at(-1)!];
    return `${id} (${percent(sparsity)} of all): least in ${spared[0]} ${percent(spared[1], 1, [sparsity, hit[1]])}, most in ${hit[0]} ${percent(hit[1], 1, [sparsity, spared[1]])}`;
  });
  return `Table of sparsity by kind of tensor. ${worst.join('; ')}.`;
}

/**
 * How unequally kinds of tensor are pruned, group by group.
 * @param groupOf the group of an arm; of each group, the sentence names the arm whose kinds of tensor differ most
 */
export function spareText(
  results: StudyResults,
  arms: readonly ExperimentDeclaration[],
  groupOf: (arm: ExperimentDeclaration) => string,
): string {
  const measured = arms.flatMap((arm) => {
    const last = lastPrunings(results, arm.id);
    const kinds = [
      ...new Set(last.flatMap((pruning) => pruning.kinds.flatMap(({ kind, weights }) => (weights > 0 ? [kind] : [])))),
    ];
    const shares = kinds.map((kind) => {
      const own = last.flatMap((pruning) => pruning.kinds.filter((each) => each.kind === kind && each.weights > 0));
      return own.reduce((sum, { pruned, weights }) => sum + pruned / weights, 0) / own.length;
    });
    return shares.length === 0 ? [] : [{ arm, n: last.length, shares, spread: largest(shares) - smallest(shares) }];
  });
  const groups = [...new Set(measured.map(({ arm }) => groupOf(arm)))].map((group) => {
    const widest = measured.filter(({ arm }) => groupOf(arm) === group).sort((a, b) => b.spread - a.spread)[0]!;
    return `${group}, ${range(widest.shares, (share, apart) => percent(share, 0, apart))} (${widest.arm.id}, n = ${counted(widest.n, 'run')})`;
  });
  if (groups.length === 0) return `Nothing was pruned ${prunedBy(results.study, arms)}.`;
  return `From the most spared to the hardest hit kind of tensor, where they differ most, the share pruned at the end is: ${listed(groups)}.`;
}

/** The kind of tensor that is farthest from the whole. */
export function farthestKindText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const gaps = arms.flatMap(({ id }) =>
    runsOf(results, id).flatMap((run) => {
      const pruning = run.measurements.flatMap((measured) => measured.pruning ?? []).at(-1);
      return pruning === undefined
        ? []
        : pruning.kinds.flatMap(({ kind, weights, pruned }) =>
            weights === 0 ? [] : [{ id, seed: run.seed, kind, share: pruned / weights, overall: pruning.sparsity }],
          );
    }),
  );
  const farthest = [...gaps].sort((a, b) => Math.abs(b.share - b.overall) - Math.abs(a.share - a.overall))[0];
  if (farthest === undefined) return `Nothing was pruned ${prunedBy(results.study, arms)}.`;
  const { id, seed, kind, share, overall } = farthest;
  if (Math.abs(share - overall) < ALIKE)
    return `All kinds of tensor are pruned alike: none is farther from the whole than ${kind} in ${id} (seed ${seed}), ${percent(share, 1, [overall])} of whose weights are zero where ${percent(overall, 1, [share])} of all are.`;
  return `The kinds of tensor are not pruned alike: farthest from the whole is ${kind} in ${id} (${schemeOf(declarationOf(results, id))}, seed ${seed}), ${percent(share, 1, [overall])} of whose weights are zero where ${percent(overall, 1, [share])} of all are.${share < overall ? ` A survival in ${kind} is partly the tensor's.` : ''}`;
}

/** Mask stability: how much the masks of different seeds agree, against masks that are independent but as large. */
import { largest } from '../../base/extremes.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { MaskAgreement, TensorOverlap } from '../../generated/results.ts';
import { declarationOf, distinct, namesOf } from '../arms.ts';
import type { Spec } from '../chart.ts';
import { distinctArms } from '../computations.ts';
import { leading, prunedArms } from '../pruned-arms.ts';
import type { StudyResults } from '../read-results.ts';
import { startsText } from '../starting-models.ts';
import { BLUE, FAINT, INK } from '../theme.ts';
import { counted, decimal, percent } from '../wording.ts';
import {
  COLUMNS,
  defineFigure,
  panelTitle,
  PANEL_WIDTH,
  smallMultiples,
  titled,
  type Figure,
  type Row,
} from './figure.ts';
import { legend } from './legend.ts';
import { markOf, ruleOf, type MarkStyle } from './mark-style.ts';

const TITLE = 'Mask stability: agreement between seeds, against chance';

/** Tensors are shown for this many experiments at most; all of them are in the data. */
const TENSOR_PANELS = 2 * COLUMNS;
const TENSOR_ROW = 13;

/** The masks' line is broad and pale, so that chance can be seen on it where the two are one. */
const MASKS: MarkStyle = { shape: 'line', color: BLUE, width: 4, opacity: 0.45 };
const MEAN: MarkStyle = { shape: 'circle', color: BLUE };
const PAIR: MarkStyle = { shape: 'circle', color: BLUE, opacity: 0.35 };
const CHANCE: MarkStyle = { shape: 'line', color: INK, dash: [4, 3], width: 1.4 };
const TENSOR_CHANCE: MarkStyle = { shape: 'tick', color: INK, width: 2 };

export const maskOverlap = defineFigure({
  plots: ['mask-overlap', 'mask-tensors'],
  shows: 'how much the masks of different seeds agree, against chance, by round and by tensor',
  draw,
  finding: (results) => overlapText(results, prunedArms(results)),
});

function draw(results: StudyResults): Figure<'mask-overlap' | 'mask-tensors'> {
  const ids = distinct(results, leading(results, prunedArms(results)));
  const agreements = ids
    .map((id) => ({
      id,
      rounds: results.masks
        .filter(({ experiment, all }) => experiment === id && all.jaccard !== null)
        .sort((a, b) => a.round - b.round),
    }))
    .filter(({ rounds }) => rounds.length > 0);
  if (agreements.length === 0)
    return { title: TITLE, caption: 'Nothing to draw: no experiment has the masks of two seeds.', plots: [] };
  const pairs = largest(agreements.flatMap(({ rounds }) => rounds.map((round) => round.pairs.length)));
  return {
    title: TITLE,
    caption:
      `Jaccard index of the kept positions: kept by both seeds over kept by either; up to ${counted(pairs, 'pair')} of seeds an arm (faint dots), which share seeds and so are no independent replicates. The dashed line is chance: what independent masks that keep as many of each tensor are expected to reach; it falls with sparsity, so only the distance from it means anything. ` +
      `Below, tensor by tensor after the last prune. ${startsText(results, ids)} Channels of models that were trained independently have no common order, so that agreement near chance is what to expect; a common start alone makes masks agree.`,
    plots: [
      {
        name: 'mask-overlap',
        alt: alt(agreements),
        spec: byRound(results, agreements),
        rows: agreements.flatMap(({ rounds }) => rounds.flatMap(pairRows)),
      },
      {
        name: 'mask-tensors',
        alt: `Jaccard index against chance by tensor after the last prune, for ${agreements
          .slice(0, TENSOR_PANELS)
          .map(({ id }) => id)
          .join(', ')}.`,
        spec: byTensor(results, agreements.slice(0, TENSOR_PANELS)),
        rows: agreements.flatMap(({ rounds }) =>
          rounds.at(-1)!.tensors.map((tensor): Row => ({
            experiment: rounds.at(-1)!.experiment,
            round: rounds.at(-1)!.round,
            ...tensor,
          })),
        ),
      },
    ],
  };
}

interface Agreements {
  id: string;
  rounds: MaskAgreement[];
}

function pairRows({ experiment, round, all, pairs }: MaskAgreement): Row[] {
  return pairs.map(({ a, b, jaccard, chance }) => ({
    experiment,
    round,
    kept: all.kept,
    seedA: a,
    seedB: b,
    jaccard,
    chance,
    meanJaccard: all.jaccard,
    meanChance: all.chance,
  }));
}

function byRound(results: StudyResults, agreements: readonly Agreements[]): Spec {
  const panels = agreements.map(({ id, rounds }, i) => {
    const has = titled(i, agreements.length);
    const values = rounds.map(({ round, all }) => ({
      round,
      value: all.jaccard!,
      chance: all.chance,
      label: `${id}, round ${round}, ${percent(1 - (all.kept ?? 0))} sparse: Jaccard ${decimal(all.jaccard!, 3, all.chance === null ? [1] : [1, all.chance])}, chance ${all.chance === null ? 'unknown' : decimal(all.chance, 3, [1, all.jaccard!])}`,
    }));
    const last = rounds.at(-1)!.round;
    const x = {
      field: 'round',
      type: 'quantitative',
      scale: { domain: [rounds[0]!.round - 0.5, last + 0.5], nice: false, zero: false },
      axis: {
        title: has.x ? 'round' : null,
        values: every(rounds.map(({ round }) => round)),
        format: 'd',
        grid: false,
      },
    };
    const y = {
      field: 'value',
      type: 'quantitative',
      scale: { domain: [0, 1], nice: false },
      axis: { title: has.y ? 'Jaccard index' : null, values: [0, 0.5, 1], format: '.3~g' },
    };
    return {
      title: panelTitle(results, declarationOf(results, id)),
      layer: [
        {
          data: {
            values: rounds.flatMap(({ round, pairs }) => pairs.map(({ jaccard }) => ({ round, value: jaccard }))),
          },
          mark: { ...markOf(PAIR, 14), aria: false },
          encoding: { x, y },
        },
        { data: { values }, mark: markOf(MASKS), encoding: { x, y } },
        {
          data: { values },
          mark: markOf(MEAN, 26),
          encoding: { x, y, description: { field: 'label', type: 'nominal' } },
        },
        {
          data: { values: values.filter(({ chance }) => chance !== null) },
          mark: markOf(CHANCE),
          encoding: { x, y: { ...y, field: 'chance' } },
        },
      ],
    };
  });
  return {
    vconcat: [
      legend([
        { text: 'masks of two seeds: mean over pairs', styles: [MASKS, MEAN] },
        { text: 'one pair', styles: [PAIR] },
        { text: 'chance', styles: [CHANCE] },
      ]),
      smallMultiples(panels, 100),
    ],
    spacing: 10,
  };
}

/** At most eight of them, the last one included. */
function every(rounds: readonly number[]): number[] {
  const step = Math.ceil(rounds.length / 8);
  return rounds.filter((_, i) => (rounds.length - 1 - i) % step === 0);
}

/** `0 q_proj` of `model.layers.0.self_attn.q_proj.weight`. */
function shortTensor({ tensor, kind, layer }: TensorOverlap): string {
  return layer === null ? tensor : `${layer} ${kind}`;
}

function byTensor(results: StudyResults, agreements: readonly Agreements[]): Spec {
  const panels = agreements.map(({ id, rounds }, i) => {
    const last = rounds.at(-1)!;
    const names = last.tensors.map(shortTensor);
    const values = last.tensors.flatMap((tensor) =>
      tensor.jaccard === null || tensor.chance === null
        ? []
        : [
            {
              name: shortTensor(tensor),
              value: tensor.jaccard,
              chance: tensor.chance,
              label: `${id}, ${tensor.tensor}: Jaccard ${decimal(tensor.jaccard, 3, [1, tensor.chance])}, chance ${decimal(tensor.chance, 3, [1, tensor.jaccard])}`,
            },
          ],
    );
    const has = titled(i, agreements.length);
    const x = {
      field: 'value',
      type: 'quantitative',
      scale: { domain: [0, 1], nice: false },
      axis: { title: has.x ? 'Jaccard index' : null, values: [0, 0.25, 0.5, 0.75, 1], format: '.3~g' },
    };
    const y = {
      field: 'name',
      type: 'ordinal',
      scale: { domain: names },
      axis: { title: null, domain: false, ticks: false, labelFontSize: 9.5, labelColor: INK, labelLimit: 90 },
    };
    return {
      title: { text: namesOf(results, id), subtitle: `layer and kind of tensor, round ${last.round}` },
      layer: [
        {
          data: { values },
          mark: ruleOf({ shape: 'line', color: FAINT, width: 1.2 }),
          encoding: { x, x2: { field: 'chance' }, y },
        },
        {
          data: { values },
          mark: markOf(MEAN, 24),
          encoding: { x, y, description: { field: 'label', type: 'nominal' } },
        },
        {
          data: { values },
          mark: markOf(TENSOR_CHANCE),
          encoding: { x: { ...x, field: 'chance' }, y },
        },
      ],
    };
  });
  const rows = largest(agreements.map(({ rounds }) => rounds.at(-1)!.tensors.length));
  return {
    vconcat: [
      legend([
        { text: 'masks of two seeds: mean over pairs', styles: [MEAN] },
        { text: 'chance', styles: [TENSOR_CHANCE] },
      ]),
      {
        concat: panels.map((panel) => ({ ...panel, width: PANEL_WIDTH - 26, height: TENSOR_ROW * rows })),
        columns: COLUMNS,
        spacing: { row: 22, column: 10 },
      },
    ],
    spacing: 10,
  };
}

function alt(agreements: readonly Agreements[]): string {
  const ends = agreements.map(({ id, rounds }) => {
    const { all } = rounds.at(-1)!;
    return `${id} ${decimal(all.jaccard!, 2, all.chance === null ? [1] : [1, all.chance])}${all.chance === null ? '' : ` against ${decimal(all.chance, 2, [1, all.jaccard!])}`}`;
  });
  return `Jaccard index of the masks of different seeds by round, against chance. After the last prune: ${ends.join('; ')}.`;
}

function overlapText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const last = distinctArms(results, arms).flatMap(({ id }) => {
    const rounds = results.masks
      .filter(({ experiment, all }) => experiment === id && all.jaccard !== null && all.chance !== null)
      .sort((a, b) => a.round - b.round);
    return rounds
      .slice(-1)
      .map((agreement) => ({ id, agreement, beyond: agreement.all.jaccard! - agreement.all.chance! }));
  });
  if (last.length === 0) return 'No two masks can be compared with chance.';
  const sorted = [...last].sort((a, b) => b.beyond - a.beyond);
  const text = ({ id, agreement }: (typeof last)[number]) =>
    `${namesOf(results, id)} (Jaccard index ${decimal(agreement.all.jaccard!, 3, [1, agreement.all.chance!])} against ${decimal(agreement.all.chance!, 3, [1, agreement.all.jaccard!])} by chance, ${counted(agreement.pairs.length, 'pair')} of seeds)`;
  if (sorted.length === 1)
    return `After the last prune, masks of different seeds agree as follows in ${text(sorted[0]!)}.`;
  return `After the last prune, masks of different seeds agree most beyond chance in ${text(sorted[0]!)} and least in ${text(sorted.at(-1)!)}.`;
}

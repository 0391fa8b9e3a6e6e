/** What a super weight is. Zero each of the largest weights alone; one bar explodes. */
import { largest, smallest } from '../../base/extremes.ts';
import type { StartAblation } from '../../generated/results.ts';
import { ruleSentence } from '../causal-rule.ts';
import type { Spec } from '../chart.ts';
import type { StudyResults } from '../read-results.ts';
import { FAINT, INK, SOFT, VERMILION } from '../theme.ts';
import { range } from '../topics/parts.ts';
import { coordinateText, counted, decimal, factorOf, signed } from '../wording.ts';
import { defineFigure, FULL_WIDTH, type Figure } from './figure.ts';

const TITLE = 'A super weight at a glance';

/** Starting models shown at most; all of them are in the data. */
const PANELS = 6;

/** On the overview: it supports no finding of the study's, so that it has no sentence below it. */
export const atAGlance = defineFigure({
  plots: ['at-a-glance'],
  shows: 'what a super weight is: the loss when each of the largest weights is zeroed alone',
  draw,
  finding: () => '',
});

function draw(results: StudyResults): Figure<'at-a-glance'> {
  const pretrained = results.ablations.filter(({ scheme }) => scheme === 'pretrained');
  const models = pretrained.length > 0 ? pretrained : results.ablations;
  if (models.length === 0)
    return {
      title: TITLE,
      caption:
        'Nothing to draw: of no starting model were the largest weights zeroed one by one (detect-sw.ablateLargest).',
      plots: [],
    };
  const [clearest, ...others] = [...models].sort((a, b) => contrast(b) - contrast(a)) as [
    StartAblation,
    ...StartAblation[],
  ];
  const shown = others.sort((a, b) => a.seed - b.seed).slice(0, PANELS - 1);
  const effects = models.flatMap(({ weights }) => weights.map(({ effect }) => effect));
  const [low, top] = [Math.min(0, smallest(effects)), largest(effects)];
  // Where no weight stands out, its label would cover other bars: it stands above them all.
  const isApart = contrast(clearest) > ((top - low) * LABEL_HEIGHT) / HEIGHT;
  const domain = [low, isApart ? top * 1.12 : top + ((top - low) * LABEL_HEIGHT) / (HEIGHT - LABEL_HEIGHT)];
  const labelAt = isApart ? largest(clearest.weights.map(({ effect }) => effect)) : domain[1]!;
  const ablated = range(
    models.map(({ weights }) => weights.length),
    String,
  );
  const ids = new Set(models.flatMap(({ experiments }) => experiments));
  const seeds = new Set(results.runs.filter(({ experiment }) => ids.has(experiment)).map(({ seed }) => seed)).size;
  const kind = pretrained.length > 0 ? 'pretrained' : 'starting';
  const spec: Spec = {
    vconcat: [
      { ...panel(clearest, domain, true, FULL_WIDTH - 60, true, labelAt), height: HEIGHT },
      ...(shown.length === 0
        ? []
        : [
            {
              hconcat: shown.map((model, i) => ({
                ...panel(model, domain, false, smallWidth(shown.length), i === 0),
                height: 80,
              })),
              spacing: 16,
            },
          ]),
    ],
    spacing: 26,
  };
  return {
    title: TITLE,
    caption: `One bar a weight: the loss increase when it is set to zero alone. Coloured bars were confirmed as super weights.${ruleSentence(results.study, [...ids])} Large: the ${kind} model with the clearest contrast (seed ${clearest.seed}); small: ${shown.length === 0 ? 'no others' : counted(shown.length, 'other seed')}, same scale. n = ${counted(models.length, `${kind} model`)}; the unit is one ${seeds > models.length ? 'checkpoint, whose seeds are data orders' : 'independently trained model'}.`,
    method: `Each of the ${ablated} largest of ${kindCount(models)} block weights is set to zero alone, and the loss on ${decimal(clearest.causalTokens, 0)} held-out tokens is measured again, on the starting models, before any training of this study.`,
    plots: [
      {
        name: 'at-a-glance',
        alt: `Bar charts of the loss increase when each of the ${ablated} largest weights is zeroed alone, for ${counted(models.length, 'model')}. Seed ${clearest.seed}: ${describeWorst(clearest)}`,
        spec,
        rows: models.flatMap((model) =>
          model.weights.map(({ coordinate, rank, effect, effectStandardError, confirmed }) => ({
            seed: model.seed,
            rank,
            tensor: coordinate.tensor,
            row: coordinate.row,
            col: coordinate.col,
            value: coordinate.value,
            lossIncrease: effect,
            standardError: effectStandardError,
            perplexityFactor: Math.exp(effect),
            superWeight: confirmed,
            key: model.key,
          })),
        ),
      },
    ],
  };
}

/** Of the large panel, and in it of the three lines beside the bar of its worst weight; in pixels. */
const HEIGHT = 180;
const LABEL_HEIGHT = 62;

/** Of the room that a bar has. */
const BAR_SHARE = 0.72;

/** @param labelAt effect at which the label of the worst weight begins; its own where none is given */
function panel(
  model: StartAblation,
  domain: number[],
  large: boolean,
  width: number,
  withAxis = true,
  labelAt?: number,
): Spec {
  const worst = [...model.weights].sort((a, b) => b.effect - a.effect)[0];
  const bars = model.weights.map(({ coordinate, rank, effect, confirmed }) => ({
    rank,
    effect,
    confirmed,
    label: `${coordinateText(coordinate)} = ${decimal(coordinate.value, 2)}, rank ${rank} by absolute value: ${signed(effect, 3)} nats, perplexity × ${factorOf(effect)}`,
  }));
  const color = { condition: { test: 'datum.confirmed', value: VERMILION }, value: large ? SOFT : FAINT };
  const layers: Spec[] = [
    {
      data: { values: bars },
      mark: { type: 'bar', width: { band: BAR_SHARE } },
      encoding: {
        x: {
          field: 'rank',
          type: 'ordinal',
          axis: large
            ? {
                title: 'rank of the zeroed weight by absolute value among all block weights (1 = largest)',
                labelAngle: 0,
                labelOverlap: true,
              }
            : { title: null, labels: false, ticks: false },
        },
        y: {
          field: 'effect',
          type: 'quantitative',
          scale: { domain, nice: false },
          axis: large
            ? { title: 'loss increase, nats per token', tickCount: 5, grid: false }
            : { title: null, tickCount: 3, labels: withAxis, grid: false },
        },
        color,
        description: { field: 'label', type: 'nominal' },
      },
    },
  ];
  if (worst !== undefined) {
    const position = model.weights.indexOf(worst) / model.weights.length;
    const dx = position < 0.55 ? 1 : -1;
    const besideBar = Math.round(((width / model.weights.length) * BAR_SHARE) / 2 + 6);
    const mark = {
      type: 'text',
      align: dx > 0 ? 'left' : 'right',
      dx: dx * besideBar,
      baseline: 'top',
      lineHeight: large ? 18 : 14,
      aria: false,
    };
    const encoding = {
      x: { field: 'rank', type: 'ordinal' },
      y: { field: 'effect', type: 'quantitative' },
      text: { field: 'lines' },
    };
    const headline = large
      ? `${coordinateText(worst.coordinate)} = ${decimal(worst.coordinate.value, 2)}`
      : `[${worst.coordinate.row}, ${worst.coordinate.col}]  perplexity × ${factorOf(worst.effect, 1)}`;
    const below = large
      ? [
          `zeroing this one weight: ${signed(worst.effect, 2)} nats, perplexity × ${factorOf(worst.effect, 1)}`,
          `worst of the other ${model.weights.length - 1}: ${signed(runnerUp(model), 3)} nats, perplexity × ${factorOf(runnerUp(model))}`,
        ]
      : [];
    const point = { rank: worst.rank, effect: labelAt ?? worst.effect };
    layers.push({
      data: { values: [{ ...point, lines: headline }] },
      mark: { ...mark, fontSize: large ? 14 : 11, fontWeight: large ? 600 : 400, color: INK },
      encoding,
    });
    if (below.length > 0)
      layers.push({
        data: { values: [{ ...point, lines: below }] },
        mark: { ...mark, dy: 22, fontSize: 12, color: SOFT },
        encoding,
      });
  }
  return {
    width,
    title: { text: `Seed ${model.seed}${model.confirmed.length === 0 ? ': no super weight confirmed' : ''}` },
    layer: layers,
  };
}

function smallWidth(panels: number): number {
  return Math.floor((FULL_WIDTH - 60 - (panels - 1) * 40) / Math.max(panels, 2));
}

/** How far the worst weight stands out from the runner-up: the order in which models are shown. */
function contrast(model: StartAblation): number {
  return largest(model.weights.map(({ effect }) => effect)) - runnerUp(model);
}

/** The second-worst loss increase. */
function runnerUp({ weights }: StartAblation): number {
  return weights.map(({ effect }) => effect).sort((a, b) => b - a)[1] ?? 0;
}

function kindCount(models: StartAblation[]): string {
  return models.length === 1 ? "the model's" : "each model's";
}

function describeWorst(model: StartAblation): string {
  const worst = [...model.weights].sort((a, b) => b.effect - a.effect)[0];
  if (worst === undefined) return 'nothing was ablated.';
  return `zeroing ${coordinateText(worst.coordinate)} costs ${decimal(worst.effect, 2)} nats per token, the next worst ${decimal(runnerUp(model), 3)}.`;
}

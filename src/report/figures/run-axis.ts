/** The horizontal axis on which a run's rounds are drawn, and the strip of symbols that stands for a legend. */
import type { Measurement } from '../../generated/results.ts';
import type { Spec } from '../chart.ts';
import { INK } from '../theme.ts';
import { textWidth } from '../font.ts';
import { FULL_WIDTH } from './figure.ts';

/** Leaves room for the axes of the plot below. */
const STRIP_WIDTH = FULL_WIDTH - 60;

/**
 * Where in its run a measurement is drawn, in rounds: the starting model at 0, round r's prune at r, and the training
 * after it at r + 0.5, so that each round reads prune, retrain.
 */
export function withinRun({ round, phase }: Pick<Measurement, 'round' | 'phase'>): number {
  return phase === 'trained' ? round - 0.5 : round;
}

/** The x channel of panels by round: field `at`, from the starting model to the last training. */
export function roundChannel(rounds: number, withTitle: boolean): Spec {
  return {
    field: 'at',
    type: 'quantitative',
    scale: { domain: [-0.2, rounds + 1], nice: false },
    axis: { title: withTitle ? 'round' : null, tickMinStep: 1, grid: false, format: 'd', tickCount: 6 },
  };
}

interface LegendSymbol {
  text: string;
  /** A Vega shape, or `stroke` for a line. */
  shape: string;
  filled: boolean;
  color: string;
}

/** Symbols with their meanings, in as many lines as they need: a legend for combinations of shape, fill and colour. */
export function strip(symbols: LegendSymbol[], width = STRIP_WIDTH): Spec {
  const LINE = 18;
  let x = 8;
  let y = 8;
  const placed = symbols.map((symbol) => {
    const own = 12 + textWidth(symbol.text, 11) + 18;
    if (x > 8 && x + own > width) [x, y] = [8, y + LINE];
    const here = x;
    x += own;
    return { ...symbol, x: here, textX: here + 12, y };
  });
  const size = { domain: [0, width], nice: false };
  const height = y + 8;
  const vertical = {
    field: 'y',
    type: 'quantitative',
    scale: { domain: [height, 0], nice: false, zero: false },
    axis: null,
  };
  return {
    width,
    height,
    layer: [
      ...placed.map((symbol) => ({
        data: { values: [symbol] },
        mark: symbolMark(symbol),
        encoding: { x: { field: 'x', type: 'quantitative', scale: size, axis: null }, y: vertical },
      })),
      {
        data: { values: placed },
        mark: { type: 'text', align: 'left', baseline: 'middle', color: INK, aria: false },
        encoding: {
          x: { field: 'textX', type: 'quantitative', scale: size, axis: null },
          y: vertical,
          text: { field: 'text' },
        },
      },
    ],
  };
}

function symbolMark({ shape, filled, color }: LegendSymbol): Spec {
  return {
    type: 'point',
    shape,
    filled,
    color,
    size: shape === 'stroke' ? 160 : 46,
    strokeWidth: shape === 'stroke' ? 2 : 1.5,
    opacity: 1,
    aria: false,
  };
}

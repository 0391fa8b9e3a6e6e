/** The legend above a plot: every entry is drawn in the very styles that the plot uses. */
import type { Spec } from '../chart.ts';
import { textWidth } from '../font.ts';
import { INK } from '../theme.ts';
import { FULL_WIDTH } from './figure.ts';
import { markOf, ruleOf, type MarkStyle } from './mark-style.ts';

export interface LegendEntry {
  text: string;
  /** Drawn over each other, the last on top: the line of a series and its marks. */
  styles: readonly MarkStyle[];
}

/** What tells a legend from the plot in a specification. */
export const LEGEND = 'Legend';

/** Leaves room for the axes of the plot below. */
const WIDTH = FULL_WIDTH - 60;
const LINE = 18;

/** Half the length of a line, in pixels. */
const STROKE = 11;

/** Entries in as many lines as they need. */
export function legend(entries: readonly LegendEntry[], width = WIDTH): Spec {
  let x = 0;
  let y = LINE / 2;
  const placed = entries.map(({ text, styles }) => {
    const reach = styles.some(({ shape }) => shape === 'line') ? STROKE : 6;
    const own = 2 * reach + 6 + textWidth(text, 11) + 18;
    if (x > 0 && x + own > width) [x, y] = [0, y + LINE];
    const at = x + reach + 2;
    x += own;
    return { text, styles, at, textX: at + reach + 6, y };
  });
  const height = y + LINE / 2;
  const scale = { domain: [0, width], nice: false };
  const horizontal = { field: 'x', type: 'quantitative', scale, axis: null };
  const vertical = {
    field: 'y',
    type: 'quantitative',
    scale: { domain: [height, 0], nice: false, zero: false },
    axis: null,
  };
  return {
    description: LEGEND,
    width,
    height,
    layer: [
      ...placed.flatMap(({ styles, at, y }) => styles.map((style) => symbol(style, at, y, horizontal, vertical))),
      {
        data: { values: placed.map(({ text, textX, y }) => ({ text, x: textX, y })) },
        mark: { type: 'text', align: 'left', baseline: 'middle', color: INK, aria: false },
        encoding: { x: horizontal, y: vertical, text: { field: 'text' } },
      },
    ],
  };
}

function symbol(style: MarkStyle, at: number, y: number, horizontal: Spec, vertical: Spec): Spec {
  if (style.shape === 'line')
    return {
      data: { values: [{ x: at - STROKE, to: at + STROKE, y }] },
      mark: ruleOf(style),
      encoding: { x: horizontal, x2: { field: 'to' }, y: vertical },
    };
  if (style.shape === 'area')
    return {
      data: { values: [{ x: at - 6, to: at + 6, y: y - 6, low: y + 6 }] },
      mark: { type: 'rect', color: style.color, opacity: style.opacity ?? 1, aria: false },
      encoding: { x: horizontal, x2: { field: 'to' }, y: vertical, y2: { field: 'low' } },
    };
  return {
    data: { values: [{ x: at, y }] },
    mark: { ...markOf(style), aria: false },
    encoding: { x: horizontal, y: vertical },
  };
}

/**
 * How a thing is drawn: one object makes its marks in a plot and its entry in the legend, so that the two cannot
 * differ. One style has one meaning in a figure.
 */
import type { Spec } from '../chart.ts';

export interface MarkStyle {
  /** A Vega shape; `line`, drawn along; `tick`, an upright stroke; `area`, a ground. */
  shape: 'circle' | 'square' | 'diamond' | 'triangle-up' | 'triangle-down' | 'cross' | 'line' | 'tick' | 'area';
  color: string;
  /** Of a shape; it is unless this says no. */
  hollow?: boolean;
  /** Of a line: drawn and gap, in pixels; unbroken if not given. */
  dash?: readonly number[];
  /** Of a shape, in square pixels, where it has a meaning: a ring around a mark. */
  size?: number;
  /** Of a line or an outline, in pixels. */
  width?: number;
  opacity?: number;
}

const SIZE = 46;

/**
 * A Vega-Lite mark in this style. Without `description` in its encoding it is left out of what is read aloud.
 * @param size of a point whose style has none, in square pixels
 */
export function markOf(style: MarkStyle, size = SIZE): Spec {
  const { shape, color, hollow = false, dash, width, opacity = 1 } = style;
  if (shape === 'line')
    return { type: 'line', color, strokeWidth: width ?? 1.6, strokeDash: dash ?? [1, 0], opacity, aria: false };
  if (shape === 'tick') return { type: 'tick', color, thickness: width ?? 1.6, size: 8, opacity, aria: false };
  if (shape === 'area') return { type: 'area', color, opacity, interpolate: 'step', aria: false };
  return { type: 'point', shape, color, filled: !hollow, size: style.size ?? size, strokeWidth: width ?? 1.4, opacity };
}

/** The same as a rule, from one place to another. */
export function ruleOf({ color, dash, width, opacity = 1 }: MarkStyle): Spec {
  return { type: 'rule', color, strokeWidth: width ?? 1.6, strokeDash: dash ?? [1, 0], opacity, aria: false };
}

/** What a reader tells styles apart by. */
export function look({ shape, color, hollow = false, dash = [1, 0], opacity = 1, size = 0 }: MarkStyle): string {
  const isStroke = shape === 'line' || shape === 'tick';
  return [
    shape,
    color,
    isStroke ? '' : hollow ? 'hollow' : 'filled',
    shape === 'line' ? dash.join(' ') : '',
    opacity,
    size,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

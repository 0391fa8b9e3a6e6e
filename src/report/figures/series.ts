/** Series of a plot: a few in colour, told apart by mark and dash as well; the others in one grey. */
import { BLUE, GREEN, GREY, INK, OLIVE, ORANGE, PURPLE, SOFT, VERMILION } from '../theme.ts';
import type { LegendEntry } from './legend.ts';
import type { MarkStyle } from './mark-style.ts';

export interface SeriesStyle {
  line: MarkStyle;
  point: MarkStyle;
}

/** Series in colour at most: more cannot be told apart. */
export const COLOURED = 6;

const COLOURS = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, OLIVE];
const SHAPES = ['circle', 'square', 'triangle-up', 'diamond', 'triangle-down', 'circle'] as const;
const DASHES = [
  [1, 0],
  [7, 3],
  [1, 0],
  [7, 3],
  [2, 2],
  [2, 2],
];

/** What is there for comparison only. */
export const OTHERS: SeriesStyle = {
  line: { shape: 'line', color: GREY, width: 1 },
  point: { shape: 'circle', color: GREY },
};

/** A series in ink, such as the one that others are compared with. */
export const BASELINE: SeriesStyle = {
  line: { shape: 'line', color: INK },
  point: { shape: 'circle', color: INK },
};

const NEUTRAL_SHAPES = {
  'positive-control': ['circle', 'square', 'triangle-up', 'diamond', 'triangle-down'],
  'negative-control': ['cross', 'triangle-down', 'diamond', 'square', 'triangle-up'],
} as const;

/** Unpruned models are in ink, ruined ones in soft ink; several of a kind differ in their marks. */
function controlStyle(role: keyof typeof NEUTRAL_SHAPES, i: number): SeriesStyle {
  const shape = NEUTRAL_SHAPES[role][i];
  if (shape === undefined) return OTHERS;
  const color = role === 'positive-control' ? INK : SOFT;
  const dash = DASHES[role === 'positive-control' ? i : i + 4] ?? [1, 0];
  return { line: { shape: 'line', color, dash }, point: { shape, color } };
}

/**
 * Styles of series in their order: controls are neutral, the first COLOURED others have a colour, the rest are OTHERS.
 */
export function seriesStyles(series: readonly { id: string; role?: string | undefined }[]): Map<string, SeriesStyle> {
  const counts = { 'positive-control': 0, 'negative-control': 0 };
  let arm = 0;
  return new Map(
    series.map(({ id, role }) => {
      if (role === 'positive-control' || role === 'negative-control') return [id, controlStyle(role, counts[role]++)];
      const i = arm++;
      const color = COLOURS[i];
      if (color === undefined || i >= COLOURED) return [id, OTHERS];
      return [id, { line: { shape: 'line', color, dash: DASHES[i]! }, point: { shape: SHAPES[i]!, color } }];
    }),
  );
}

/**
 * The legend's entries of series; those that are OTHERS share one, which counts them.
 * @param hasLine whether a series has one, or marks alone
 */
export function seriesEntries(
  series: readonly { id: string; text: string }[],
  styles: ReadonlyMap<string, SeriesStyle>,
  hasLine: (id: string) => boolean = () => true,
): LegendEntry[] {
  const own = series.filter(({ id }) => styles.get(id) !== OTHERS);
  const others = series.length - own.length;
  const marks = (id: string) => (hasLine(id) ? [styles.get(id)!.line, styles.get(id)!.point] : [styles.get(id)!.point]);
  return [
    ...own.map(({ id, text }) => ({ text, styles: marks(id) })),
    ...(others === 0 ? [] : [{ text: `${others} in grey`, styles: [OTHERS.point] }]),
  ];
}

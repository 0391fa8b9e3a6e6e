/** What a figure is before it is drawn: words, specifications, and the data behind each plot. */
import { groupBy } from '../../base/groups.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import { declarationOf, namesOf } from '../arms.ts';
import type { Spec } from '../chart.ts';
import { textWidth } from '../font.ts';
import type { Html } from '../page/html.ts';
import type { StudyResults } from '../read-results.ts';
import { INK, SOFT } from '../theme.ts';
import { experimentPhrase } from '../wording.ts';
import { look, markOf, ruleOf, type MarkStyle } from './mark-style.ts';

/** One flat row of a plot's data: becomes a line of its CSV. */
export type Row = Record<string, string | number | boolean | null>;

export interface Plot<Name extends string = string> {
  /** The end of its files' names, e.g. `at-a-glance`; where its figure is listed says what stands before it. */
  name: Name;
  /** What the picture shows, for those who do not see it. */
  alt: string;
  spec: Spec;
  rows: Row[];
}

export interface Figure<Name extends string = string> {
  title: string;
  /** How to read it, with n and the unit of replication. Plain text. */
  caption: string;
  /** What one needs to check it, if that is more than the caption says. Of a page's first figure it is folded away. */
  method?: string;
  /** Empty where there is nothing to draw; the caption then says why. */
  plots: Plot<Name>[];
}

/** A figure as registry.ts lists it: the picture, the sentence that it supports, and the tables behind it. */
export interface FigureEntry<Name extends string = string> {
  /** Every plot that it may have, in order. One that has nothing to draw in some study still keeps its letter. */
  plots: readonly Name[];
  /** What it shows, in a line: for the list of figures in docs/report.md. */
  shows: string;
  draw(results: StudyResults): Figure<Name>;
  /** Made from the numbers: it claims no more than they hold, and carries its n. */
  finding(results: StudyResults): string;
  tables?(results: StudyResults): (Html | '')[];
}

/** Identity function that checks the names of a figure's plots. */
export function defineFigure<const Name extends string>(entry: FigureEntry<Name>): FigureEntry<Name> {
  return entry;
}

/** Width of a full-width plot in pixels, axes included: what the page's column holds. */
export const FULL_WIDTH = 880;

/** Panels in a row of small multiples. */
export const COLUMNS = 3;
const COLUMN_GAP = 10;
const AXIS_WIDTH = 54;
export const PANEL_WIDTH = Math.floor((FULL_WIDTH - 10 - (COLUMNS - 1) * COLUMN_GAP) / COLUMNS) - AXIS_WIDTH;

/** One or two panels are wider than those of a full row. */
function panelWidth(panels: number): number {
  return panels >= COLUMNS ? PANEL_WIDTH : Math.floor((FULL_WIDTH - 10 - COLUMN_GAP) / 2) - AXIS_WIDTH;
}

/** Lays panels of equal size out in rows. `panels` are layered specs without width and height. */
export function smallMultiples(panels: Panel[], height: number): Spec {
  const lines = panels.some(({ title }) => title.below.length > 1) ? 2 : 1;
  return {
    concat: panels.map(({ title, layer }) => ({
      layer: [...titleLayers(title, lines), ...layer],
      width: panelWidth(panels.length),
      height,
    })),
    columns: COLUMNS,
    spacing: { row: 22, column: COLUMN_GAP },
  };
}

/** A panel of small multiples: without width and height, which all have in common. */
export interface Panel {
  title: PanelTitle;
  layer: Spec[];
}

/** The experiment of a panel, and what it does. */
export interface PanelTitle {
  text: string;
  below: string[];
}

const TITLE_LINE = 13;

/**
 * Titles as marks, at the same height in every panel: Vega would put its own above whatever stands out of the panel,
 * such as half a tick's label.
 */
export function titleLayers({ text, below }: PanelTitle, lines: number): Spec[] {
  const layer = (line: string, y: number, mark: Spec): Spec => ({
    data: { values: [{ line }] },
    mark: { type: 'text', align: 'left', baseline: 'alphabetic', x: 0, y, aria: false, ...mark },
    encoding: { text: { field: 'line', type: 'nominal' } },
  });
  return [
    layer(text, -11 - TITLE_LINE * lines - 2, { fontSize: 12.5, fontWeight: 600, color: INK }),
    ...below.map((line, i) => layer(line, -11 - TITLE_LINE * (lines - 1 - i), { fontSize: 10.5, color: SOFT })),
  ];
}

/** A panel's title: the experiment with those that are the same, and what it does, in one line or two. */
export function panelTitle(results: StudyResults, { id }: ExperimentDeclaration): PanelTitle {
  const phrase = experimentPhrase(results.study, declarationOf(results, id));
  return { text: shortened(namesOf(results, id), PANEL_WIDTH, 12.5, true), below: wrapped(phrase, PANEL_WIDTH, 10.5) };
}

/** Breaks a phrase at its dots into at most two lines. */
function wrapped(phrase: string, width: number, fontSize: number): string[] {
  const parts = phrase.split(' · ');
  let first = parts.length;
  while (first > 1 && textWidth(parts.slice(0, first).join(' · '), fontSize) > width) first -= 1;
  const lines = [parts.slice(0, first).join(' · '), parts.slice(first).join(' · ')];
  return lines.filter((line) => line !== '').map((line) => shortened(line, width, fontSize));
}

/** Text that fits into `width`, ended by an ellipsis where it had to be cut. */
export function shortened(text: string, width: number, fontSize: number, bold = false): string {
  if (textWidth(text, fontSize, bold) <= width) return text;
  let kept = text;
  while (kept !== '' && textWidth(`${kept}…`, fontSize, bold) > width) kept = kept.slice(0, -1);
  return `${kept.trimEnd()}…`;
}

/** Whether a panel has the axis titles of its row and column: only the first and the last do. */
export function titled(panel: number, panels: number): { x: boolean; y: boolean } {
  return { x: panel >= panels - COLUMNS, y: panel % COLUMNS === 0 };
}

/** Round values of a logarithmic axis, at most `most` of them, inside [low, high]. */
export function logTicks(low: number, high: number, most = 8): number[] {
  const MANTISSAS = [
    [1],
    [1, 3],
    [1, 2, 5],
    [1, 1.5, 2, 3, 5, 7],
    [1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9],
  ];
  const candidates = MANTISSAS.map((mantissas) => {
    const ticks: number[] = [];
    for (let decade = Math.floor(Math.log10(low)); decade <= Math.ceil(Math.log10(high)); decade++)
      for (const mantissa of mantissas) {
        const tick = Number((mantissa * 10 ** decade).toPrecision(6));
        if (tick >= low && tick <= high) ticks.push(tick);
      }
    return ticks;
  });
  const fitting = candidates.filter((ticks) => ticks.length <= most).at(-1);
  if (fitting !== undefined) return fitting;
  const every = Math.ceil(candidates[0]!.length / most); // too many decades for each to have its tick
  return candidates[0]!.filter((_, i) => i % every === 0);
}

/**
 * A horizontal rule across a panel, e.g. the entropy floor.
 * @param y the definition of the panel's y channel: layers that share an axis must agree on it
 */
export function horizontalRule(value: number, y: Spec, style: MarkStyle): Spec {
  return { data: { values: [{ value }] }, mark: ruleOf(style), encoding: { y: { ...y, field: 'value' } } };
}

/**
 * Points, one layer a style.
 * @param size of each, in square pixels
 */
export function pointLayers<Item extends object>(
  items: readonly Item[],
  styleOf: (item: Item) => MarkStyle,
  encoding: Spec,
  size?: number,
): Spec[] {
  const groups = groupBy(items, (item) => look(styleOf(item)));
  return [...groups.values()].map((own) => ({ data: { values: own }, mark: markOf(styleOf(own[0]!), size), encoding }));
}

/** What a figure is before it is drawn: words, specifications, and the data behind each plot. */
import type { ExperimentDeclaration, StudyDeclaration } from '../../generated/aggregate.ts';
import type { Spec } from '../chart.ts';
import { textWidth } from '../font.ts';
import type { Html } from '../page/html.ts';
import type { StudyResults } from '../read-results.ts';
import { experimentPhrase } from '../wording.ts';

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
export function smallMultiples(panels: Spec[], height: number): Spec {
  const needsSecondLine = panels.some((panel) => secondLine(panel) !== ' ');
  return {
    concat: panels.map((panel) => ({
      ...(needsSecondLine ? panel : withoutSecondLine(panel)),
      width: panelWidth(panels.length),
      height,
    })),
    columns: COLUMNS,
    spacing: { row: 22, column: COLUMN_GAP },
  };
}

function secondLine({ title }: Spec): unknown {
  return ((title as { subtitle?: unknown } | undefined)?.subtitle as unknown[] | undefined)?.[1];
}

function withoutSecondLine(panel: Spec): Spec {
  const title = panel['title'] as { subtitle: unknown } | undefined;
  return Array.isArray(title?.subtitle) ? { ...panel, title: { ...title, subtitle: title.subtitle[0] } } : panel;
}

/** A panel's title: the experiment, and what it does in two lines, so that panels of one row have equal heads. */
export function panelTitle(study: StudyDeclaration, experiment: ExperimentDeclaration): Spec {
  return { text: experiment.id, subtitle: wrapped(experimentPhrase(study, experiment), PANEL_WIDTH, 10.5) };
}

/** Breaks a phrase at its dots into two lines; the second is blank where one suffices. */
function wrapped(phrase: string, width: number, fontSize: number): string[] {
  const parts = phrase.split(' · ');
  let first = parts.length;
  while (first > 1 && textWidth(parts.slice(0, first).join(' · '), fontSize) > width) first -= 1;
  return [parts.slice(0, first).join(' · '), parts.slice(first).join(' · ') || ' '];
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
 * A horizontal rule, e.g. the entropy floor.
 * @param y the definition of the panel's y channel: layers that share an axis must agree on it
 */
export function horizontalRule(value: number, y: Spec, color: string, dash: number[] = [5, 3]): Spec {
  return {
    data: { values: [{ value }] },
    mark: { type: 'rule', color, strokeDash: dash, strokeWidth: 1, aria: false },
    encoding: { y: { ...y, field: 'value' } },
  };
}

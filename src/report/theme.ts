/**
 * Colours and type of the report: one place for charts and page.
 *
 * Data colours are Okabe & Ito's (2008), told apart with any colour vision; its yellow is too light for lines on white
 * and is replaced by Tol's olive. Charts are drawn in the light colours; the page re-colours an inline SVG for dark
 * mode by attribute selectors (`[fill="#222222"]`), so the SVG files stay plain and need no script.
 */

/** Light colour -> its dark-mode counterpart. */
const DARK: Record<string, string> = {
  '#222222': '#ececec',
  '#666666': '#a9a9a9',
  '#bbbbbb': '#6a6a6a',
  '#949494': '#8c8c8c',
  '#e6e6e6': '#383838',
  '#0072b2': '#4ea8de',
  '#d55e00': '#f0803c',
  '#009e73': '#2fc79a',
  '#cc79a7': '#dd93bb',
  '#e69f00': '#f0b429',
  '#999933': '#bdbd5a',
};

/** Text and strong rules. */
export const INK = '#222222';
/** Secondary text. */
export const SOFT = '#666666';
/** What is there for comparison only. */
export const FAINT = '#bbbbbb';
/** Data that are there for comparison only: still told from the ground. */
export const GREY = '#949494';
export const GRID = '#e6e6e6';
export const BLUE = '#0072b2';
export const GREEN = '#009e73';
export const PURPLE = '#cc79a7';
export const ORANGE = '#e69f00';
export const VERMILION = '#d55e00';
export const OLIVE = '#999933';

export const FONT_STACK =
  "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif";

/** CSS rules that re-colour inline SVG in dark mode. */
export function darkChartRules(): string {
  return Object.entries(DARK)
    .map(([light, dark]) => `.plot [fill="${light}"]{fill:${dark}}.plot [stroke="${light}"]{stroke:${dark}}`)
    .join('\n');
}

/** Vega-Lite configuration shared by all figures. */
export const chartConfig = {
  font: FONT_STACK,
  aria: true,
  view: { stroke: null },
  axis: {
    labelColor: SOFT,
    titleColor: INK,
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: 'normal',
    titlePadding: 6,
    gridColor: GRID,
    domainColor: FAINT,
    tickColor: FAINT,
    tickSize: 4,
    labelPadding: 3,
    aria: false,
  },
  title: {
    color: INK,
    fontSize: 12.5,
    fontWeight: 600,
    anchor: 'start',
    frame: 'group',
    subtitleColor: SOFT,
    subtitleFontSize: 10.5,
    subtitlePadding: 3,
    offset: 6,
  },
  legend: {
    labelColor: INK,
    titleColor: SOFT,
    labelFontSize: 11.5,
    titleFontSize: 11,
    titleFontWeight: 'normal',
    labelLimit: 240,
    aria: false,
  },
  text: { color: INK, fontSize: 11 },
} as const;

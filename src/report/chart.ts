/**
 * Draws one Vega-Lite specification: SVG text through vega without a browser, PNG through resvg.
 *
 * Text is laid out with the advance widths of DejaVu Sans (font.ts), the widest face of the font stack, so a label that
 * fits here fits in whatever face the reader's machine chooses. PNG uses DejaVu Sans itself, loaded from its file, so a
 * machine without fonts draws the same picture.
 */
import { Resvg } from '@resvg/resvg-js';
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { fontFiles, textWidth } from './font.ts';
import { chartConfig } from './theme.ts';

/** A part of a Vega-Lite specification. Vega-Lite's own types are too deep to compose; compile() checks the whole. */
export type Spec = Record<string, unknown>;

/** Vega's hook for measuring text, which its types leave out. */
interface TextMetrics {
  width(item: { fontSize?: number; fontWeight?: string | number }, text: unknown): number;
}
const { textMetrics } = vega as unknown as { textMetrics: TextMetrics };
textMetrics.width = ({ fontSize = 11, fontWeight }, text) =>
  textWidth(String(text ?? ''), fontSize, fontWeight === 'bold' || Number(fontWeight) >= 600);

/**
 * SVG of a specification: transparent, with `<title>`s (tooltips) on marks that have a description.
 * @param name which plot it is, for the message
 * @throws Error if vega-lite warns: a figure that drops a channel or a scale is wrong, not ugly
 */
export async function drawSvg(spec: Spec, name: string): Promise<string> {
  const whole = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: null,
    config: chartConfig,
    ...spec,
  };
  const compiled = compile(whole as unknown as TopLevelSpec, { logger: strictLogger(name) }).spec;
  const view = new vega.View(vega.parse(compiled), { renderer: 'none' });
  try {
    return withoutNeedlessDigits(withTooltips(await view.toSVG()));
  } finally {
    view.finalize();
  }
}

/** PNG of an SVG on white, at twice its size. */
export function drawPng(svg: string): Uint8Array {
  const image = new Resvg(svg, {
    background: 'white',
    fitTo: { mode: 'zoom', value: 2 },
    font: {
      loadSystemFonts: false,
      fontFiles: fontFiles(),
      defaultFontFamily: 'DejaVu Sans',
      sansSerifFamily: 'DejaVu Sans',
    },
  });
  return image.render().asPng();
}

/** The same SVG for a separate file: on white, since the page that will show it is not known. */
export function onWhite(svg: string): string {
  return svg.replace(/(<svg[^>]*>)/, '$1<rect width="100%" height="100%" fill="#ffffff"/>');
}

/** Vega writes a mark's description as aria-label; browsers show only a `<title>` when the pointer rests on it. */
function withTooltips(svg: string): string {
  return svg.replace(
    /<path aria-label="([^"]*)" role="graphics-symbol" aria-roledescription="[^"]*"([^>]*?)(?:\/>|><\/path>)/g,
    '<path$2><title>$1</title></path>',
  );
}

/** Coordinates to a hundredth of a pixel: vega writes fifteen digits, which only makes the page heavy. */
function withoutNeedlessDigits(svg: string): string {
  return svg.replace(/ (?:d|transform|x1|x2|y1|y2|width|height)="[^"]*"/g, (attribute) =>
    attribute.replace(/-?\d+\.\d{3,}(?:e-?\d+)?/g, (number) => String(Number(Number(number).toFixed(2)))),
  );
}

function strictLogger(name: string) {
  const fail = (...messages: readonly unknown[]): never => {
    throw new Error(`Plot ${name}: vega-lite: ${messages.join(' ')}`);
  };
  const quiet = () => logger;
  const logger = { level: quiet, error: fail, warn: fail, info: quiet, debug: quiet };
  return logger as unknown as NonNullable<Parameters<typeof compile>[1]>['logger'];
}

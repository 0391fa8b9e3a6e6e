/**
 * Draws one Vega-Lite specification: SVG text through vega without a browser, PNG through resvg.
 *
 * Text is laid out with the advance widths of DejaVu Sans (font.ts), the widest face of the font stack, so a label that
 * fits here fits in whatever face the reader's machine chooses. PNG uses DejaVu Sans itself, loaded from its file, so a
 * machine without fonts draws the same picture.
 */
import { createHash } from 'node:crypto';
import { serialize } from 'node:v8';
import { Resvg } from '@resvg/resvg-js';
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { visible } from '../base/visible-text.ts';
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
  textWidth(withoutMarks(String(text ?? '')), fontSize, fontWeight === 'bold' || Number(fontWeight) >= 600);

/** Pictures that one process keeps: several reports' worth, a few megabytes each. */
const KEPT = 256;
/** By the digest of what they are drawn of: several pages show the same figure, and a study is rendered again. */
const drawn = new Map<string, unknown>();

function drawnOnce<Picture>(kind: string, of: unknown, draw: () => Picture): Picture {
  const key = createHash('sha256').update(kind).update(serialize(of)).digest('hex');
  if (drawn.has(key)) return drawn.get(key) as Picture;
  const picture = draw();
  drawn.set(key, picture);
  if (drawn.size > KEPT) drawn.delete(drawn.keys().next().value!);
  // What fails is tried again, and says again why.
  if (picture instanceof Promise) picture.catch(() => drawn.delete(key));
  return picture;
}

/**
 * SVG of a specification: transparent, with `<title>`s (tooltips) on marks that have a description.
 * @param name which plot it is, for the message
 * @throws Error if vega-lite warns, since a figure that drops a channel or a scale is wrong, not ugly; and if vega
 *   meets an error while it draws, which it would otherwise only write to the console
 */
export function drawSvg(spec: Spec, name: string): Promise<string> {
  return drawnOnce('svg', spec, () => drawNewSvg(spec, name));
}

async function drawNewSvg(spec: Spec, name: string): Promise<string> {
  const whole = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: null,
    config: chartConfig,
    ...(marked(spec) as Spec),
  };
  const compiled = compile(whole as unknown as TopLevelSpec, { logger: strictLogger(name) }).spec;
  const errors: unknown[] = [];
  const view = new vega.View(vega.parse(compiled), { renderer: 'none', logger: errorLogger(errors) });
  try {
    const svg = await view.toSVG();
    if (errors.length > 0) throw new Error(`Plot ${name}: vega: ${textOf(errors[0])}`, { cause: errors[0] });
    // XML has no way to write most control characters: one of them, and nothing opens the file.
    return visible(withoutNeedlessDigits(withTooltips(withoutMarks(svg))));
  } finally {
    view.finalize();
  }
}

/** PNG of an SVG on white, at twice its size. */
export function drawPng(svg: string): Uint8Array {
  return drawnOnce('png', svg, () => drawNewPng(svg));
}

function drawNewPng(svg: string): Uint8Array {
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

/**
 * Vega looks groups of data up in plain objects, where it finds for a group called "constructor" what every object has.
 * So texts that are such a name carry a mark, which no text can hold: U+FDD0 is no character (Unicode, 23.7).
 */
const MARK = '\uFDD0';
const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype));

function marked(part: unknown): unknown {
  if (typeof part === 'string') return INHERITED.has(part) ? `${part}${MARK}` : visible(part);
  if (Array.isArray(part)) return part.map(marked);
  if (typeof part !== 'object' || part === null) return part;
  return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, marked(value)]));
}

function withoutMarks(text: string): string {
  return text.replaceAll(MARK, '');
}

/** Collects what vega reports as errors; a view goes on after them and draws what is left. */
function errorLogger(errors: unknown[]): vega.LoggerInterface {
  const logger = {
    level: () => logger,
    error: (...messages: readonly unknown[]) => {
      errors.push(...messages);
      return logger;
    },
    warn: () => logger,
    info: () => logger,
    debug: () => logger,
  };
  return logger as unknown as vega.LoggerInterface;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function strictLogger(name: string) {
  const fail = (...messages: readonly unknown[]): never => {
    throw new Error(`Plot ${name}: vega-lite: ${messages.join(' ')}`);
  };
  const quiet = () => logger;
  const logger = { level: quiet, error: fail, warn: fail, info: quiet, debug: quiet };
  return logger as unknown as NonNullable<Parameters<typeof compile>[1]>['logger'];
}

/**
 * DejaVu Sans, from its files: where they are, and how wide text is in it (the `cmap` and `hmtx` tables of TrueType).
 * A canvas would measure too, but needs a native library or a browser.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const folder = join(dirname(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json')), 'ttf');
const files = { regular: join(folder, 'DejaVuSans.ttf'), bold: join(folder, 'DejaVuSans-Bold.ttf') };

/** Regular and bold, for resvg. */
export function fontFiles(): string[] {
  return Object.values(files);
}

/** Advance width of one line of text in pixels. */
export function textWidth(text: string, fontSize: number, bold = false): number {
  const face = bold ? (faces.bold ??= readFace(files.bold)) : (faces.regular ??= readFace(files.regular));
  let units = 0;
  for (const character of text) units += face.advances.get(character.codePointAt(0)!) ?? face.unitsPerEm * 0.6;
  return (units * fontSize) / face.unitsPerEm;
}

interface Face {
  unitsPerEm: number;
  /** By code point, in font units. */
  advances: Map<number, number>;
}

const faces: { regular?: Face; bold?: Face } = {};

function readFace(file: string): Face {
  const data = readFileSync(file);
  const tables = new Map<string, number>();
  for (let i = 0; i < data.readUInt16BE(4); i++)
    tables.set(data.toString('latin1', 12 + i * 16, 16 + i * 16), data.readUInt32BE(20 + i * 16));
  const table = (name: string): number => tables.get(name)!;
  const longMetrics = data.readUInt16BE(table('hhea') + 34);
  const advance = (glyph: number) => data.readUInt16BE(table('hmtx') + 4 * Math.min(glyph, longMetrics - 1));
  const advances = new Map<number, number>();
  const cmap = format4(data, table('cmap'));
  const segments = data.readUInt16BE(cmap + 6) / 2;
  for (let segment = 0; segment < segments; segment++) {
    const at = (part: number) => cmap + 14 + part * 2 * segments + 2 * segment;
    const last = data.readUInt16BE(at(0));
    const first = data.readUInt16BE(at(1) + 2);
    const delta = data.readUInt16BE(at(2) + 2);
    const rangeOffset = data.readUInt16BE(at(3) + 2);
    for (let code = first; code <= last && code !== 0xffff; code++) {
      const looked = rangeOffset === 0 ? code : data.readUInt16BE(at(3) + 2 + rangeOffset + 2 * (code - first));
      if (looked !== 0) advances.set(code, advance((looked + delta) & 0xffff));
    }
  }
  return { unitsPerEm: data.readUInt16BE(table('head') + 18), advances };
}

/** Offset of the Unicode BMP subtable (platform 3, encoding 1, format 4), which every TrueType text face has. */
function format4(data: Buffer, cmap: number): number {
  for (let i = 0; i < data.readUInt16BE(cmap + 2); i++) {
    const record = cmap + 4 + 8 * i;
    if (data.readUInt16BE(record) === 3 && data.readUInt16BE(record + 2) === 1)
      return cmap + data.readUInt32BE(record + 4);
  }
  throw new Error('The font has no Unicode character map.');
}

/** How a product is cut: regions of lanes, tiles of rows and lanes that registers hold, and blocks that caches hold. */
import type { ProductKernel } from '../language.ts';
import { ELEMENT } from './kernel-code.ts';
import type { Lanes } from './encoder.ts';

/** Lanes that are computed with tiles of one form. */
export interface Region {
  firstLane: number;
  /** Numbers in a vector. */
  lanes: Lanes;
  /** Vectors of a tile. */
  vectors: number;
  /** How many tiles stand beside each other. */
  tiles: number;
  /** Rows of a tile; the last one may have fewer. */
  rows: number;
}

/** What of b is used at a time: it stays in the second-level cache. */
const BLOCK_BYTES = 1 << 18;
/** An inner dimension that is not longer is not cut. */
const UNCUT_INNER = 384;
const INNER_BLOCK = 256;

/** By number of vectors: how many rows fit in the registers, beside the vectors of b, one of a, and a product. */
const TILE_ROWS = {
  16: [0, 12, 6],
  32: [0, 16, 12, 8, 6],
} as const;
/** Of products that leave something out: narrow tiles leave out more. */
const PART_ROWS = { 16: [0, 8], 32: [0, 16] } as const;

export function regionsOf(kernel: ProductKernel, width: 8 | 16, registers: 16 | 32): Region[] {
  const tileRows = kernel.part === undefined ? TILE_ROWS[registers] : PART_ROWS[registers];
  const most = tileRows.length - 1;
  const regions: Region[] = [];
  let firstLane = 0;
  const add = (lanes: Lanes, vectors: number, tiles: number) => {
    if (tiles === 0 || vectors === 0) return;
    const fit = tileRows[Math.min(vectors, most)]!;
    const rows = Math.ceil(kernel.rows / Math.ceil(kernel.rows / fit));
    regions.push({ firstLane, lanes, vectors, tiles, rows });
    firstLane += lanes * vectors * tiles;
  };
  const whole = Math.floor(kernel.lanes / width);
  let vectors = most;
  if (whole % most !== 0 && most === 4 && whole % 3 === 0) vectors = 3;
  add(width, vectors, Math.floor(whole / vectors));
  add(width, whole % vectors, 1);
  const rest = kernel.lanes % width;
  if (rest >= 8) add(8, 1, 1);
  if (rest % 8 >= 4) add(4, 1, 1);
  add(1, 1, rest % 4);
  return regions;
}

/** How much of the inner dimension, and how many tiles beside each other, are computed at a time. */
export function blocksOf(kernel: ProductKernel, region: Region): { inner: number; tiles: number } {
  const tileLanes = region.lanes * region.vectors;
  if (kernel.inner * tileLanes * region.tiles * ELEMENT <= BLOCK_BYTES)
    return { inner: kernel.inner, tiles: region.tiles };
  const parts = kernel.inner <= UNCUT_INNER ? 1 : Math.ceil(kernel.inner / INNER_BLOCK);
  const inner = parts === 1 ? kernel.inner : Math.ceil(kernel.inner / parts / 4) * 4;
  const most = Math.max(1, Math.floor(BLOCK_BYTES / (inner * tileLanes * ELEMENT)));
  const blocks = Math.ceil(region.tiles / most);
  return { inner, tiles: Math.ceil(region.tiles / blocks) };
}

/** Identifies what a program computes: the ingredient of keys that stands for a graph on the exact engine. */
import { createHash } from 'node:crypto';
import type { Graph } from '../../graph/graph.ts';
import type { Program } from './language.ts';
import { lowerGraph } from './lowering/lower.ts';

/** The same of the program that a graph is lowered to. @param advancing see lowerGraph */
export function exactGraphHash(graph: Graph, advancing?: readonly string[]): string {
  return programHash(lowerGraph(graph, advancing && new Set(advancing)));
}

/**
 * SHA-256 of the program in the vector language, hex: of its kernels and calls, with the orders of its sums, and of its
 * constants. What a generator makes of it is no part of it.
 */
export function programHash({ buffers, kernels, phases }: Program): string {
  const hash = createHash('sha256');
  for (const { table, ...buffer } of buffers) {
    const told = table?.told();
    hash.update(JSON.stringify({ ...buffer, ...(told && { rule: told.rule ?? null, numbers: told.numbers.length }) }));
    if (told !== undefined) hash.update(bytesOf(told.numbers));
  }
  return hash.update(JSON.stringify({ kernels, phases })).digest('hex');
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

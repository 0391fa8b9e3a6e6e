/** Identifies what the runtime executes, without loading the runtime: planning asks for it at every start. */
import { createHash } from 'node:crypto';
import type { Graph } from '../../graph/graph.ts';
import { lowerToOnnx } from './lowering.ts';

/** SHA-256 of the lowered graph, hex: the ingredient of keys that stands for the graph. */
export function graphHash(graph: Graph): string {
  return createHash('sha256').update(lowerToOnnx(graph)).digest('hex');
}

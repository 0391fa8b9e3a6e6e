/**
 * Joins parameters into a few long vectors ("packs"): the optimizer then takes some operations per pack instead of some
 * per parameter.
 */
import { Graph } from '../graph/graph.ts';
import { elementCount } from '../../base/element-count.ts';
import type { ParameterSpec } from './parameter-memory.ts';

/**
 * Elements of a pack, unless a single parameter has more: 64 MiB, half of what WebGPU lets a kernel read as one buffer.
 */
const PACK_LIMIT = 2 ** 24;

export interface Pack {
  parameters: readonly ParameterSpec[];
  /** Elements. */
  length: number;
  /** Whether weight decay applies, to all or none of it. */
  decay: boolean;
}

/** Consecutive parameters share a pack if weight decay applies to all or none of them, up to the limit. */
export function packParameters(parameters: readonly ParameterSpec[], limit = PACK_LIMIT): Pack[] {
  return [true, false].flatMap((decay) => {
    const packs: { parameters: ParameterSpec[]; length: number; decay: boolean }[] = [];
    for (const parameter of parameters.filter((each) => each.decay === decay)) {
      const length = elementCount(parameter.shape);
      const last = packs.at(-1);
      if (last !== undefined && last.length + length <= limit) {
        last.parameters.push(parameter);
        last.length += length;
      } else packs.push({ parameters: [parameter], length, decay });
    }
    return packs;
  });
}

/** Parameters by name -> `pack:I` [elements]. */
export function buildPacking(packs: readonly Pack[]): Graph {
  const graph = new Graph();
  packs.forEach(({ parameters }, index) => {
    const parts = parameters.map(({ name, shape }) => graph.reshape(graph.input(name, shape), [elementCount(shape)]));
    graph.output(`pack:${index}`, parts.length === 1 ? parts[0]! : graph.concat(parts, 0));
  });
  return graph;
}

/** `pack:I` [elements] -> parameters by name. */
export function buildUnpacking(packs: readonly Pack[]): Graph {
  const graph = new Graph();
  packs.forEach(({ parameters, length }, index) => {
    const pack = graph.input(`pack:${index}`, [length]);
    let start = 0;
    for (const { name, shape } of parameters) {
      const end = start + elementCount(shape);
      graph.output(name, graph.reshape(graph.slice(pack, 0, start, end), shape));
      start = end;
    }
  });
  return graph;
}

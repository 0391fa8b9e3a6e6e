/** Identifies what the runtime executes, without loading the runtime: planning asks for it at every start. */
import { createHash } from 'node:crypto';
import type { Graph } from '../../graph/graph.ts';
import type { Device } from '../runtime.ts';
import type { StepProgram } from '../step-program.ts';
import { dialectFor } from './dialect.ts';
import { lowerToOnnx } from './lowering.ts';
import { lowerSingleStep, lowerStepLoop } from './step-model.ts';

/** SHA-256 of the graph as a device gets it, hex: the ingredient of keys that stands for the graph. Precision is another. */
export function graphHash(graph: Graph, device: Device = 'cpu'): string {
  return hashOf(lowerToOnnx(graph, undefined, dialectFor({ device, precision: 'float32' })));
}

/** The same for whole training steps on a device that takes them by itself. */
export function stepProgramHash(program: StepProgram, device: Exclude<Device, 'cpu'>): string {
  const lower = device === 'webgpu' ? lowerSingleStep : lowerStepLoop;
  return hashOf(lower(program, dialectFor({ device, precision: 'float32' })));
}

function hashOf(model: Uint8Array): string {
  return createHash('sha256').update(model).digest('hex');
}

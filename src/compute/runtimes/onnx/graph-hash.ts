/** Identifies what the runtime executes, without loading the runtime: planning asks for it at every start. */
import { createHash } from 'node:crypto';
import type { Graph } from '../../graph/graph.ts';
import type { Device, Precision } from '../runtime.ts';
import type { TrainingStepProgram } from '../training-step-program.ts';
import { dialectFor } from './dialect.ts';
import { lowerToOnnx } from './lowering.ts';
import { lowerTrainingStep, lowerTrainingLoop } from './training-step-model.ts';

/** SHA-256 of the graph as a device gets it in a precision, hex: the ingredient of keys that stands for the graph. */
export function graphHash(graph: Graph, device: Device = 'cpu', precision: Precision = 'float32'): string {
  return hashOf(lowerToOnnx(graph, undefined, dialectFor({ device, precision }), 'told'));
}

/** The same for a whole training step with its optimizer, on a device that runs both. */
export function trainingStepHash(
  program: TrainingStepProgram,
  device: Exclude<Device, 'cpu'>,
  precision: Precision,
): string {
  const lower = device === 'webgpu' ? lowerTrainingStep : lowerTrainingLoop;
  return hashOf(lower(program, dialectFor({ device, precision }), 'told'));
}

function hashOf(model: Uint8Array): string {
  return createHash('sha256').update(model).digest('hex');
}

/**
 * How much the stages that run a model compute: counted in training steps, evaluated sequences and forward passes, and
 * in floating-point operations of their graphs. Estimates rest on it; no result does.
 */
import type { JsonObject } from '../base/json.ts';
import type { StageWork } from '../engine/stage.ts';
import type { DetectSwParams } from '../generated/detect-sw.ts';
import type { EvalParams } from '../generated/eval.ts';
import type { TrainParams } from '../generated/train.ts';
import { readModelConfig } from '../model/model-config.ts';
import { countPassFlops, passOf } from '../model/pass-graph.ts';
import { CONTROL_KINDS } from './controls.ts';

const depths = new Map<string, Promise<number>>();

/** Training steps, each of the whole batch. */
export function trainingWork(params: Required<TrainParams>): StageWork {
  const { microBatches } = passOf({ ...params });
  return {
    unit: 'steps',
    count: params.steps,
    alike: alike(params),
    flops: async () => params.steps * microBatches * (await countPassFlops('train', { ...params })),
    sample: (units) => ({ steps: units }),
  };
}

/**
 * Sequences, in whole batches: what the last one lacks is padded. Where activations are restored, the intact model runs
 * on all of them first.
 */
export function evaluationWork(params: Required<EvalParams>): StageWork {
  const batches = Math.ceil(params.sequences / params.batchSize) * (params.restore === 'none' ? 1 : 2);
  return {
    unit: 'sequences',
    count: batches * params.batchSize,
    alike: alike(params),
    flops: async () => batches * (await countPassFlops('eval', { ...params })),
    sample: (units) => ({
      sequences: Math.max(1, Math.round(units / params.batchSize)) * params.batchSize,
      restore: 'none',
    }),
  };
}

/**
 * Forward passes of a detection that confirms one super weight: a scan before and, if it rescans, one after; the intact
 * model, a spike per layer and scan, and the controls of the one that hurts. One that confirms none takes fewer.
 * @throws SwpError if the model's configuration cannot be read
 */
export async function detectionWork(params: Required<DetectSwParams>): Promise<StageWork> {
  const layers = await layersOf(params.model);
  const { causalSequences, candidateSequences, batchSize, controlsPerKind, rescans, ablateLargest } = params;
  const scans = rescans > 0 ? 2 : 1;
  const judged = 1 + scans * layers + CONTROL_KINDS.length * controlsPerKind + ablateLargest;
  const passes = judged * Math.ceil(causalSequences / batchSize) + scans * Math.ceil(candidateSequences / batchSize);
  return {
    unit: 'passes',
    count: passes,
    alike: alike(params),
    flops: async () => passes * (await countPassFlops('detect-sw', { ...params })),
    sample: () => ({
      causalSequences: batchSize,
      candidateSequences: Math.min(batchSize, candidateSequences),
      ablateLargest: 0,
    }),
  };
}

/** Every node of a study asks: read once. */
function layersOf(model: string): Promise<number> {
  const layers = depths.get(model) ?? readModelConfig(model).then((config) => config.layers);
  depths.set(model, layers);
  return layers;
}

/** What the time of a training step or a forward pass depends on, besides the machine. */
function alike(params: {
  model: string;
  batchSize: number;
  sequenceLength: number;
  engine: string;
  device: string;
  precision: string;
}): JsonObject {
  const { engine, device, precision } = params;
  return { ...passOf({ ...params }), engine, device, precision };
}

/**
 * How much the stages that run a model compute: counted in training steps, evaluated sequences and forward passes, and
 * in floating-point operations of their graphs. Estimates rest on it; no result does.
 */
import type { JsonObject } from '../base/json.ts';
import type { StageWork } from '../engine/stage.ts';
import type { DetectSwParams } from '../generated/detect-sw.ts';
import type { EvalParams } from '../generated/eval.ts';
import type { TrainParams } from '../generated/train.ts';
import { elementCount } from '../base/element-count.ts';
import { machineMemory } from '../base/machine-memory.ts';
import { parameterShapes } from '../model/decoder/decoder-graph.ts';
import type { ModelConfig } from '../model/decoder/family.ts';
import { readModelConfig } from '../model/model-config.ts';
import { countPassFlops, countPassMemory, type Pass } from '../model/pass-graph.ts';
import { RECORDED_BYTES } from './ablation.ts';
import { CONTROL_KINDS } from './controls.ts';

/** What the stages that run a graph run over and over. */
const COMPUTES: Record<string, Pass['computes']> = {
  train: 'training',
  eval: ['losses', 'predictions'],
  'detect-sw': ['losses'],
};

/** The stages that run a graph. */
export const GRAPH_STAGES = Object.keys(COMPUTES);

/**
 * The training step or forward pass that a node runs over and over.
 * @param stage one of GRAPH_STAGES
 * @param params with defaults filled in
 */
export function passOf(stage: string, params: object): Pass {
  const computes = COMPUTES[stage];
  if (computes === undefined) throw new Error(`The stage ${stage} runs no graph.`);
  // The stage's schema has checked them. Only training knows micro-batches, only eval restores activations.
  const { model, batchSize, sequenceLength, microBatchSize, restore, engine } = params as PassParams;
  const batch = microBatchSize || batchSize;
  return {
    ...{ computes, model, batch, sequence: sequenceLength, microBatches: batchSize / batch },
    overrides: restore === 'super-activation',
    ...(stage === 'train' && engine === 'exact' && { oneByOne: true }),
  };
}

type PassParams = Pick<Required<DetectSwParams>, 'model' | 'batchSize' | 'sequenceLength' | 'engine'> &
  Pick<TrainParams, 'microBatchSize'> &
  Pick<EvalParams, 'restore'>;

const configs = new Map<string, Promise<ModelConfig>>();

/** Training steps, each of the whole batch. */
export async function trainingWork(params: Required<TrainParams>): Promise<StageWork> {
  const pass = passOf('train', params);
  const flops = async () => countPassFlops({ ...pass, recomputes: await recomputes(params) });
  return {
    unit: 'steps',
    count: params.steps,
    alike: await alike(pass, params),
    flops: async () => params.steps * pass.microBatches * (await flops()),
    sample: (units) => ({ steps: units }),
  };
}

/**
 * Sequences, in whole batches: what the last one lacks is padded. Where activations are restored, the intact model runs
 * on all of them first.
 */
export async function evaluationWork(params: Required<EvalParams>): Promise<StageWork> {
  const pass = passOf('eval', params);
  const batches = Math.ceil(params.sequences / params.batchSize) * (params.restore === 'none' ? 1 : 2);
  return {
    unit: 'sequences',
    count: batches * params.batchSize,
    alike: await alike(pass, params),
    flops: async () => batches * (await countPassFlops(pass)),
    sample: (units) => ({
      sequences: Math.max(1, Math.round(units / params.batchSize)) * params.batchSize,
      restore: 'none',
    }),
  };
}

/** Of a pass that zeroes a weight, what it takes of a whole one, on average: it begins at the weight's layer. */
const SHARE_OF_PASS = 0.6;

/**
 * Forward passes of a detection that confirms one super weight, with a second weight that can do its work: the intact
 * model and its hidden units; a scan before and, if it rescans, one after; the peak of every layer, once; the second
 * weight; the controls of the one that hurts; the set of both, with its controls. Where only known places are tested,
 * one of each. A detection that confirms none takes fewer.
 * @throws SwpError if the model's configuration cannot be read
 */
export async function detectionWork(params: Required<DetectSwParams>): Promise<StageWork> {
  const pass = passOf('detect-sw', params);
  const { layers } = await configOf(params.model);
  const { causalSequences, candidateSequences, batchSize, controlsPerKind, rescans, ablateLargest } = params;
  const isSought = params.search !== 'none';
  const scans = !isSought ? 0 : rescans > 0 ? 2 : 1;
  const others = isSought && params.contributions > 0 ? 1 : 0;
  const sets = params.jointSize > 1 && (others > 0 || !isSought) ? 1 + CONTROL_KINDS.length + (isSought ? 2 : 0) : 0;
  const places = isSought ? layers + others : 1;
  const zeroed = places + CONTROL_KINDS.length * controlsPerKind + sets + ablateLargest;
  const perSet = Math.ceil(causalSequences / batchSize);
  const whole = 2 * perSet + scans * Math.ceil(candidateSequences / batchSize);
  const passes = whole + zeroed * perSet;
  return {
    unit: 'passes',
    count: passes,
    alike: await alike(pass, params),
    flops: async () => (whole + SHARE_OF_PASS * zeroed * perSet) * (await countPassFlops(pass)),
    sample: () => ({
      search: 'spikes',
      causalSequences: batchSize,
      candidateSequences: Math.min(batchSize, candidateSequences),
      ablateLargest: 0,
    }),
  };
}

/** Every node of a study asks: read once. */
export function configOf(model: string): Promise<ModelConfig> {
  const config = configs.get(model) ?? readModelConfig(model);
  configs.set(model, config);
  return config;
}

/**
 * What the time of a training step or a forward pass depends on, besides the machine: of a model that is what it is,
 * and not where it lies.
 */
async function alike(
  { model: name, batch, sequence, microBatches }: Pass,
  { engine, device, precision }: { engine: string; device: string; precision: string },
): Promise<JsonObject> {
  const model = { ...(await configOf(name)) } as JsonObject;
  return { model, batch, sequence, microBatches, engine, device, precision };
}

/** What a worker takes by itself, with ONNX Runtime loaded. */
export const WORKER_BYTES = 150e6;
/** What ONNX Runtime holds of a graph's values, against their sum (see countMemory). */
const HELD_SHARE = 2;

/**
 * Bytes of this machine's memory that a training takes: weights, gradients, moments, masks as bits, and the pass.
 * @param room bytes that it may take: if it would take more, it computes again what is inside of blocks
 */
export async function trainingMemory(params: Required<TrainParams>, room: number = machineMemory()): Promise<number> {
  return trainingBytes(params, await recomputes(params, room));
}

/**
 * Whether a training computes again what is inside of blocks, since holding it would take more memory than there is.
 * That is in no key, and need not be: the results are the same bits.
 */
export async function recomputes(params: Required<TrainParams>, room: number = machineMemory()): Promise<boolean> {
  const held = await trainingBytes(params, false);
  return held > room && (await trainingBytes(params, true)) < held;
}

async function trainingBytes(params: Required<TrainParams>, again: boolean): Promise<number> {
  const pass = { ...passOf('train', params), recomputes: again };
  const { parameters, constants, activations } = await countPassMemory(pass);
  const state = (pass.microBatches > 1 ? 5 : 4) * parameters + parameters / 32;
  return WORKER_BYTES + state + heldBy(params, constants + activations);
}

/** The same of an evaluation: the weights, twice where those of the intact model are read first, and the pass. */
export async function evaluationMemory(params: {
  device: string;
  restore?: string;
  batchSize: number;
}): Promise<number> {
  const models = (params.restore ?? 'none') === 'none' ? 1 : 2;
  return forwardMemory(passOf('eval', params), params.device, models);
}

/** The same of any stage that runs forward passes. @param models how often the weights are held */
export async function forwardMemory(pass: Pass, device: string, models = 1): Promise<number> {
  const { parameters, constants, outputs, activations } = await countPassMemory(pass);
  return WORKER_BYTES + (models + 1 / 4) * parameters + outputs + heldBy({ device }, constants + activations);
}

/**
 * The same of a detection: the weights, a pass layer by layer, where later passes begin, and what two layers' down
 * projections read and compute, twice while it is turned.
 */
export async function detectionMemory(params: {
  device: string;
  batchSize: number;
  causalSequences: number;
}): Promise<number> {
  const pass = passOf('detect-sw', params);
  const { layers, feedForward, width } = await configOf(pass.model);
  const { constants, activations } = await countPassMemory({ ...pass, computes: 'layers' });
  const perLayer = 4 * (feedForward + width) * pass.batch * pass.sequence;
  const batches = Math.ceil(params.causalSequences / params.batchSize);
  const starts = Math.min(batches * layers * perLayer, RECORDED_BYTES);
  const weights = 1.25 * (await weightBytes(pass.model));
  return WORKER_BYTES + weights + starts + 4 * perLayer + heldBy(params, constants + activations);
}

/** What a runtime of this machine's memory holds of a graph's values. */
function heldBy({ device }: { device: string }, values: number): number {
  return device === 'cpu' ? HELD_SHARE * values : 0;
}

/** The largest micro-batches with which a training takes so many bytes at most, computing again what it must. */
export async function fittingTraining(params: Required<TrainParams>, bytes: number): Promise<string | undefined> {
  const { batchSize, microBatchSize } = params;
  for (let size = (microBatchSize || batchSize) - 1; size > 0; size--)
    if (batchSize % size === 0 && (await trainingMemory({ ...params, microBatchSize: size }, bytes)) <= bytes)
      return `"train": { "microBatchSize": ${size} }, which changes results by rounding`;
  return undefined;
}

/** The largest batches with which an evaluation or a detection takes so many bytes at most. */
export async function fittingPass<Params extends { batchSize: number }>(
  stage: 'eval' | 'detect-sw',
  params: Params,
  memory: (params: Params) => Promise<number>,
  bytes: number,
): Promise<string | undefined> {
  let [fits, above] = [0, params.batchSize];
  while (above - fits > 1) {
    const middle = Math.floor((fits + above) / 2);
    if ((await memory({ ...params, batchSize: middle })) <= bytes) fits = middle;
    else above = middle;
  }
  return fits === 0 ? undefined : `"${stage}": { "batchSize": ${fits} }, which changes results by rounding`;
}

/**
 * Bytes that a training writes: its weights, and two moments for each, unless they are not kept. Checkpoints, without
 * which it only takes longer if it is killed, come on top.
 */
export async function trainingDisk(
  { model }: { model: string },
  _root: string,
  unwanted: readonly string[],
): Promise<number> {
  const weights = await weightBytes(model);
  return weights + (unwanted.includes('optimizer') ? 0 : 2 * weights);
}

/** Bytes of a model's weights, as float32. */
export async function weightBytes(model: string): Promise<number> {
  const shapes = [...parameterShapes(await configOf(model)).values()];
  return 4 * shapes.reduce((sum, shape) => sum + elementCount(shape), 0);
}

/**
 * What is wrong with parameters of which each is possible by itself: with one another, or with the model. Planning asks
 * before it asks for keys, so that a user learns it with its place in pipeline.json, and not from a node that ran.
 */
import { elementCount } from '../base/element-count.ts';
import { globMatcher } from '../base/glob.ts';
import { listNames, quoted } from '../base/nearest-name.ts';
import { decimal } from '../base/number-text.ts';
import type { ParamProblem } from '../engine/stage.ts';
import type { DetectSwParams } from '../generated/detect-sw.ts';
import type { EvalParams } from '../generated/eval.ts';
import type { PlantSpikesParams } from '../generated/plant-spikes.ts';
import type { PruneParams } from '../generated/prune.ts';
import type { RewindParams } from '../generated/rewind.ts';
import type { TokenizeParams } from '../generated/tokenize.ts';
import type { TrainParams } from '../generated/train.ts';
import { blockMatrices } from '../model/block-matrices.ts';
import { buildForwardGraph } from '../model/decoder/decoder-graph.ts';
import { familyOf, tensorsOf } from '../model/decoder/family-of.ts';
import type { ModelConfig } from '../model/decoder/family.ts';
import { readModelConfig } from '../model/model-config.ts';
import { isNamedLines } from '../model/text-files.ts';
import { BLOCKS } from '../model/tensor-selection.ts';
import { LEAST_FLOAT32, optimizerProblems } from './optimizer-problems.ts';
import { randomModelConfigs } from './random-models.ts';

/** Engines and arrays count the elements of a tensor in 32 bits. */
const LARGEST_TENSOR = 2 ** 31 - 1;
/** As the schema says, but for what a profile's scaleSteps makes of it. */
const MOST_STEPS = 1_000_000_000;
/** On a device without loops the graph holds each micro-batch anew. */
const MOST_UNROLLED = 64;
/** Layers of all random models together: planning builds the graph of each. */
const MOST_LAYERS = 500;

export async function trainingProblems(
  params: Required<TrainParams>,
  connected: ReadonlySet<string>,
): Promise<ParamProblem[]> {
  const { batchSize, microBatchSize, engine, device } = params;
  const problems: ParamProblem[] = (['steps', 'warmupSteps', 'decaySteps'] as const)
    .filter((param) => params[param] > MOST_STEPS)
    .map((param) => ({
      param,
      message: `train.${param} comes to ${params[param]} with the profile's scaleSteps`,
      expected: `at most ${MOST_STEPS}`,
    }));
  problems.push(...optimizerProblems(params));
  const microBatches = microBatchSize === 0 ? 1 : batchSize / microBatchSize;
  if (!Number.isInteger(microBatches))
    return [
      ...problems,
      {
        param: 'microBatchSize',
        message: `train.microBatchSize is ${microBatchSize}, which does not divide train.batchSize, ${batchSize}`,
        expected: 'a divisor of it, or 0 for the whole batch at once',
      },
    ];
  if (engine === 'onnx' && device === 'webgpu' && microBatches > MOST_UNROLLED)
    problems.push({
      param: 'microBatchSize',
      message: `train.microBatchSize ${microBatchSize} makes ${microBatches} micro-batches of a batch`,
      expected: `at most ${MOST_UNROLLED} on webgpu`,
    });
  return [
    ...problems,
    ...(await passProblems('train', { ...params, batchSize: microBatchSize || batchSize }, connected)),
  ];
}

export async function evaluationProblems(
  params: Required<EvalParams>,
  connected: ReadonlySet<string>,
): Promise<ParamProblem[]> {
  return [
    ...(await passProblems('eval', params, connected)),
    ...sampleProblems('eval', params, ['sequences']),
    ...(params.restore === 'none'
      ? []
      : inputProblems('eval', params, 'restore', ['original', 'reference'], connected)),
  ];
}

export async function detectionProblems(
  params: Required<DetectSwParams>,
  connected: ReadonlySet<string>,
): Promise<ParamProblem[]> {
  return [
    ...(await passProblems('detect-sw', params, connected)),
    ...sampleProblems('detect-sw', params, ['candidateSequences', 'causalSequences']),
    ...(params.search === 'none' ? inputProblems('detect-sw', params, 'search', ['reference'], connected) : []),
  ];
}

export async function tokenizingProblems(params: Required<TokenizeParams>): Promise<ParamProblem[]> {
  const { model, corpus, calibration, candidates, causal, evaluation } = params;
  if (corpus === null) return [];
  const problems: ParamProblem[] = [];
  const { corpus: language } = await readModelConfig(model);
  if (language !== undefined)
    problems.push({
      param: 'corpus',
      message: `A text is declared, and ${model} is made for the built-in language ${language}`,
      expected: 'no "corpus" (null where defaults or a profile declare one), or a model with a tokenizer',
    });
  if (corpus.field === undefined && isNamedLines(corpus))
    problems.push({
      param: 'corpus',
      message: `${quoted(corpus.text)} is JSON Lines by its name, and no field of its lines is named`,
      expected: '"field" beside "text": the name of the field that holds the text of a document',
    });
  const shares = calibration + candidates + causal + evaluation;
  if (shares >= 1)
    problems.push({
      param: 'evaluation',
      message: `The shares of calibration, candidates, causal and evaluation come to ${decimal(shares, 3)}`,
      expected: 'less than 1 together: training has the rest',
    });
  return problems;
}

export function plantingProblems(params: Required<PlantSpikesParams>): ParamProblem[] {
  const { families, layers, widths } = params;
  const total = layers.reduce((sum, count) => sum + count, 0) * families.length * widths.length;
  if (total > MOST_LAYERS)
    return [
      {
        param: 'layers',
        message: `The random models of plant-spikes have ${total} layers together`,
        expected: `at most ${MOST_LAYERS}: layers times families times widths`,
      },
    ];
  const silent = params.strengths.find((strength) => strength < LEAST_FLOAT32);
  if (silent !== undefined)
    return [
      {
        param: 'strengths',
        message: `plant-spikes.strengths has ${silent}, which is 0 in float32`,
        expected: 'numbers from 1.2e-38 on',
      },
    ];
  const largest = randomModelConfigs({ ...params, layers: [1], widths: [Math.max(...widths)] });
  const tensors = largest.flatMap((config) => tensorProblems('plant-spikes', config, params));
  return [
    ...tensors.slice(0, 1),
    ...sampleProblems('plant-spikes', params, ['calibrationSequences', 'candidateSequences', 'causalSequences']),
  ];
}

export async function pruningProblems(
  params: Required<PruneParams>,
  connected: ReadonlySet<string>,
): Promise<ParamProblem[]> {
  const tensors = tensorsOf(await readModelConfig(params.model));
  const names = [...tensors.keys()];
  const problems: ParamProblem[] = [];
  for (const pattern of params.prunable)
    if (pattern === BLOCKS ? blockMatrices(tensors).length === 0 : !names.some(globMatcher(pattern, { dot: true })))
      problems.push({
        param: 'prunable',
        message: `The pattern ${quoted(pattern)} matches no tensor of ${params.model}`,
        expected: `${quoted(BLOCKS)}, or globs over ${listNames(names)}`,
      });
  for (const { tensor, row, col } of params.coordinates) {
    const shape = tensors.get(tensor)?.shape;
    if (shape === undefined)
      problems.push({
        param: 'coordinates',
        message: `${params.model} has no tensor ${quoted(tensor)}`,
        expected: listNames(names),
      });
    else if (row >= shape[0] || col >= (shape[1] ?? 1))
      problems.push({
        param: 'coordinates',
        message: `${quoted(tensor)} has no weight [${row}, ${col}]`,
        expected: `a row below ${shape[0]} and a column below ${shape[1] ?? 1}`,
      });
  }
  for (const param of ['force', 'protect'] as const)
    if (params[param] !== 'none') problems.push(...inputProblems('prune', params, param, [params[param]], connected));
  return problems.slice(0, 1);
}

export function rewindingProblems(params: Required<RewindParams>, connected: ReadonlySet<string>): ParamProblem[] {
  const { to } = params;
  if (to === 'fresh') return [];
  const input = { none: 'weights', init: 'init', step: 'point', pretrained: 'pretrained' }[to];
  return inputProblems('rewind', params, 'to', [input], connected);
}

/** A parameter's value asks for inputs that a node may also do without. */
function inputProblems<Params extends object>(
  stage: string,
  params: Params,
  param: keyof Params & string,
  needed: readonly string[],
  connected: ReadonlySet<string>,
): ParamProblem[] {
  const lacking = needed.filter((name) => !connected.has(name));
  if (lacking.length === 0) return [];
  return [
    {
      param,
      message: `${stage}.${param} is ${quoted(String(params[param]))}, which takes the input ${listNames(lacking)}, and a step that it holds for has none`,
      expected: `another value, or a step in every such run that ${quoted(lacking[0]!)} leads to (see the inputs of ${stage}, and \`unless\` of the steps that they name)`,
    },
  ];
}

interface BatchParams {
  batchSize: number;
  sequenceLength: number;
}

interface PassParams extends BatchParams {
  engine: string;
  device: string;
  precision: string;
}

/** What is wrong with a pass of a model, with parameters that each are possible. */
async function passProblems(
  stage: string,
  params: PassParams & { model: string },
  connected: ReadonlySet<string>,
): Promise<ParamProblem[]> {
  const unable = engineProblem(stage, params);
  if (unable !== undefined) return [unable];
  const config = await readModelConfig(params.model);
  if (config.corpus === undefined && !connected.has('tokens'))
    return [
      {
        param: 'model',
        message: `${stage} has nothing to read: the configuration of ${params.model} names no built-in language`,
        expected:
          '"corpus": { "text": "FILE" } beside "model" (of swp detect: --text FILE); in a DAG of your own, a step of the stage tokenize, too, whose tokens this one takes',
      },
    ];
  const longest = familyOf(config).longestSequence(config);
  if (params.sequenceLength > longest)
    return [
      {
        param: 'sequenceLength',
        message: `${stage}.sequenceLength is ${params.sequenceLength}, and ${params.model} reads ${longest} tokens`,
        expected: `at most ${longest}`,
      },
    ];
  return tensorProblems(stage, config, params);
}

/** The exact engine computes in one arithmetic, on the CPU. */
function engineProblem(stage: string, { engine, device, precision }: PassParams): ParamProblem | undefined {
  if (engine !== 'exact' || (device === 'cpu' && precision === 'float32')) return undefined;
  const [param, value, needed] =
    device === 'cpu' ? (['precision', precision, 'float32'] as const) : (['device', device, 'cpu'] as const);
  return {
    param,
    message: `${stage}: engine exact does not compute with ${param} ${value}`,
    expected: `${param} ${needed}, or another engine`,
  };
}

const largestTensors = new Map<string, number>();

function tensorProblems(
  stage: string,
  config: ModelConfig,
  { batchSize, sequenceLength }: BatchParams,
): ParamProblem[] {
  const identity = JSON.stringify([config, batchSize, sequenceLength]);
  let largest = largestTensors.get(identity);
  if (largest === undefined) {
    const graph = buildForwardGraph(config, { batch: batchSize, sequence: sequenceLength }, ['losses']);
    largest = graph.reachable().reduce((most, { output }) => Math.max(most, elementCount(output.shape)), 0);
    largestTensors.set(identity, largest);
  }
  if (largest <= LARGEST_TENSOR) return [];
  const param = sequenceLength > batchSize ? 'sequenceLength' : 'batchSize';
  return [
    {
      param,
      message: `${stage}: a pass over ${batchSize} x ${sequenceLength} tokens makes a tensor of ${largest} numbers`,
      expected: `fewer sequences or shorter ones: at most ${LARGEST_TENSOR} numbers`,
    },
  ];
}

/** Sequences are drawn all at once. */
function sampleProblems<Params extends { sequenceLength: number }>(
  stage: string,
  params: Params,
  counts: readonly (keyof Params & string)[],
): ParamProblem[] {
  return counts.flatMap((param) => {
    const tokens = Number(params[param]) * (params.sequenceLength + 1);
    return tokens <= LARGEST_TENSOR
      ? []
      : [
          {
            param,
            message: `${stage}.${param}: ${params[param] as number} sequences of ${params.sequenceLength} tokens are ${tokens} numbers`,
            expected: `at most ${Math.floor(LARGEST_TENSOR / (params.sequenceLength + 1))} sequences of this length`,
          },
        ];
  });
}

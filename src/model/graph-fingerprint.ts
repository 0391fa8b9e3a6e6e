/**
 * What training and forward passes compute, for the keys of the nodes that run them: the graph's hash, the corpus and
 * the engine, and for training the optimizer: its kernel, or where a device takes whole training steps, the graph of
 * one.
 * It loads no runtime, since planning asks for it at every start.
 */
import { exactGraphHash } from '../compute/runtimes/exact/graph-hash.ts';
import { graphHash, trainingStepHash } from '../compute/runtimes/onnx/graph-hash.ts';
import { engineVersion } from '../compute/runtimes/engine-version.ts';
import type { Graph } from '../compute/graph/graph.ts';
import { targetOf, type ExecutionTarget } from '../compute/runtimes/runtime.ts';
import { buildTrainingStepProgram } from '../compute/training/device-trainer.ts';
import { digestJson } from '../base/digest.ts';
import type { JsonObject } from '../base/json.ts';
import { readFingerprints } from '../base/installed-build.ts';
import { buildForwardGraph, everyLayer } from './decoder/decoder-graph.ts';
import { corpusOf } from './corpora.ts';
import type { DecoderShape, ModelConfig } from './decoder/family.ts';
import { layeredGraphs } from './layered-pass.ts';
import { readModelConfig } from './model-config.ts';
import { TEXT_FINGERPRINT } from './text-corpus.ts';
import { trainingGraphFor } from './training-graph.ts';
import type { TrainingShape } from './training-shape.ts';

/**
 * `restored`: a forward pass in which the output of every down projection can be overwritten, and one layer by layer
 * that tells what to overwrite it with. `layered`: forward passes, whole and layer by layer.
 */
type Pass = 'training' | 'forward' | 'restored' | 'layered';

const FORWARD_OUTPUTS = ['losses', 'predictions'] as const;

const fingerprints = new Map<string, Promise<JsonObject>>();

/** Every node of a study asks, but the answer is one per pass, model and batch shape: computed once. */
export function graphFingerprint(
  pass: Pass,
  model: string,
  shape: TrainingShape,
  target: ExecutionTarget,
): Promise<JsonObject> {
  const own = targetOf(target);
  const identity = JSON.stringify([pass, model, shape, own]);
  const fingerprint = fingerprints.get(identity) ?? compute(pass, model, shape, own);
  fingerprints.set(identity, fingerprint);
  return fingerprint;
}

async function compute(pass: Pass, model: string, shape: TrainingShape, target: ExecutionTarget): Promise<JsonObject> {
  const config = await readModelConfig(model);
  if (pass === 'layered') return layeredFingerprint(config, shape, target);
  if (pass === 'restored') return layeredFingerprint(config, shape, target, everyLayer(config));
  if (pass === 'forward') return forwardFingerprint(config, shape, target);
  const { engines, kernel, exactKernel } = readFingerprints();
  const common = commonFingerprint(config, target);
  const lowered = loweredFor(target);
  const { batch, sequence, microBatches = 1 } = shape;
  // A machine that lacks memory runs a graph that computes blocks again, to the same bits: the key is that of this one.
  const training = trainingGraphFor(target.engine, config, { batch: batch / microBatches, sequence });
  if (lowered !== 'cpu')
    return {
      ...common,
      steps: declaredCode(engines, 'onnxSteps', 'ENGINES'),
      step: trainingStepHash(buildTrainingStepProgram(training, microBatches), lowered, target.precision),
    };
  return {
    ...common,
    graph: hashFor(training.graph, target, training.repetitions === undefined ? undefined : training.batchInputs),
    kernel: target.engine === 'exact' ? exactKernel : kernel,
    // The graph ends with the gradients: the kernel is told by the trainer which parameters decay.
    decay: digestJson(training.parameters.map(({ name, decay }) => [name, decay])),
  };
}

/**
 * The same for forward passes, of a model that may have no folder.
 * @param overridden layers whose down projection can be overwritten
 */
function forwardFingerprint(
  config: ModelConfig,
  shape: DecoderShape,
  target: ExecutionTarget,
  overridden: readonly number[] = [],
): JsonObject {
  const graph = buildForwardGraph(config, shape, FORWARD_OUTPUTS, overridden);
  return { ...commonFingerprint(config, target), graph: hashFor(graph, target) };
}

/** The same with passes layer by layer. */
export function layeredFingerprint(
  config: ModelConfig,
  shape: DecoderShape,
  target: ExecutionTarget,
  overridden: readonly number[] = [],
): JsonObject {
  const graphs = layeredGraphs(config, shape).map((graph) => hashFor(graph, target));
  return { ...forwardFingerprint(config, shape, target, overridden), layers: digestJson(graphs) };
}

function commonFingerprint(config: ModelConfig, { engine }: ExecutionTarget): JsonObject {
  const { corpora, engines } = readFingerprints();
  return {
    corpus: config.corpus === undefined ? TEXT_FINGERPRINT : corpusOf(config).fingerprint,
    corpusCode: declaredCode(corpora, config.corpus ?? TEXT_FINGERPRINT.corpus, 'CORPORA'),
    engine: engineVersion(engine),
    runtime: declaredCode(engines, engine, 'ENGINES'),
  };
}

/** @param advancing inputs of which each repetition has its own part, where there are repetitions */
function hashFor(graph: Graph, target: ExecutionTarget, advancing?: readonly string[]): string {
  return target.engine === 'exact'
    ? exactGraphHash(graph, advancing)
    : graphHash(graph, loweredFor(target), target.precision);
}

/** The tensorflow engine reads the graph itself; the translation for the CPU stands for it. */
function loweredFor({ engine, device }: ExecutionTarget): ExecutionTarget['device'] {
  return engine === 'onnx' ? device : 'cpu';
}

/** @throws Error for a name that the build made no fingerprint for: what it computes would be in no key */
function declaredCode(fingerprints: Readonly<Record<string, string>>, name: string, table: string): string {
  const fingerprint = fingerprints[name];
  if (fingerprint === undefined) throw new Error(`${table} in build/code-groups.js has no ${name}.`);
  return fingerprint;
}

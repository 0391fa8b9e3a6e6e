/**
 * What training and forward passes compute, for the keys of the nodes that run them: the graph's hash, the corpus and the
 * engine, and for training the optimizer kernel. It loads no runtime, since planning asks for it at every start.
 */
import { graphHash } from '../compute/runtimes/onnx/graph-hash.ts';
import { engineVersion } from '../compute/runtimes/engine-version.ts';
import type { ExecutionTarget } from '../compute/runtimes/runtime.ts';
import type { JsonObject } from '../engine/json.ts';
import { readFingerprints } from '../installed-build.ts';
import { buildForwardGraph, buildTrainingGraph } from './decoder/decoder-graph.ts';
import type { DecoderShape } from './decoder/family.ts';
import { fingerprint as corpus } from './marker-retrieval.ts';
import { readModelConfig } from './model-config.ts';

type Pass = 'training' | 'forward';

const fingerprints = new Map<string, Promise<JsonObject>>();

/** Every node of a study asks, but the answer is one per pass, model and batch shape: computed once. */
export function graphFingerprint(pass: Pass, model: string, shape: DecoderShape, { engine }: Pick<ExecutionTarget, 'engine'>): Promise<JsonObject> {
  const identity = JSON.stringify([pass, model, shape, engine]);
  const fingerprint = fingerprints.get(identity) ?? compute(pass, model, shape, engine);
  fingerprints.set(identity, fingerprint);
  return fingerprint;
}

async function compute(pass: Pass, model: string, shape: DecoderShape, engine: ExecutionTarget['engine']): Promise<JsonObject> {
  const config = await readModelConfig(model);
  const common = { corpus, engine: engineVersion(engine) };
  if (pass === 'training') return { ...common, graph: graphHash(buildTrainingGraph(config, shape).graph), kernel: readFingerprints().kernel };
  return { ...common, graph: graphHash(buildForwardGraph(config, shape, ['losses', 'predictions', 'downProjections'])) };
}

/** What a stage that only runs forward passes computes: the graph's hash, the corpus, the engine. */
import type { JsonValue } from '../engine/json.ts';
import { graphHash } from '../compute/runtimes/onnx/graph-hash.ts';
import { runtimeVersion } from '../compute/runtimes/onnx/runtime-version.ts';
import { buildForwardGraph } from './decoder/decoder-graph.ts';
import { fingerprint as corpus } from './marker-retrieval.ts';
import { readModelConfig } from './model-config.ts';

const fingerprints = new Map<string, Promise<JsonValue>>();

/** One per model and batch shape, computed once. */
export function forwardFingerprint(model: string, shape: { batch: number; sequence: number }): Promise<JsonValue> {
  const identity = JSON.stringify([model, shape]);
  const fingerprint = fingerprints.get(identity) ?? compute(model, shape);
  fingerprints.set(identity, fingerprint);
  return fingerprint;
}

async function compute(model: string, shape: { batch: number; sequence: number }): Promise<JsonValue> {
  const graph = buildForwardGraph(await readModelConfig(model), shape, ['losses', 'predictions', 'downProjections']);
  return { graph: graphHash(graph), corpus, engine: runtimeVersion };
}

/** What a stage that only runs forward passes computes: the graph's hash, the corpus, the engine. */
import type { JsonValue } from '../engine/json.ts';
import { graphHash } from '../compute/runtimes/onnx/graph-hash.ts';
import { runtimeVersion } from '../compute/runtimes/onnx/runtime-version.ts';
import { buildForwardGraph } from './decoder/decoder-graph.ts';
import { fingerprint as corpus } from './marker-retrieval.ts';
import { readModelConfig } from './model-config.ts';

export async function forwardFingerprint(model: string, shape: { batch: number; sequence: number }): Promise<JsonValue> {
  const graph = buildForwardGraph(await readModelConfig(model), shape, ['losses', 'predictions', 'downProjections']);
  return { graph: graphHash(graph), corpus, engine: runtimeVersion };
}

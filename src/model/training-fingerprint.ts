/** What training computes: the graph's hash, the optimizer kernel's hash, the corpus, the engine. */
import { graphHash } from '../compute/runtimes/onnx/graph-hash.ts';
import { runtimeVersion } from '../compute/runtimes/onnx/runtime-version.ts';
import type { JsonValue } from '../engine/json.ts';
import { readFingerprints } from '../installed-build.ts';
import { buildTrainingGraph } from './decoder/decoder-graph.ts';
import { fingerprint as corpus } from './marker-retrieval.ts';
import { readModelConfig } from './model-config.ts';

const fingerprints = new Map<string, Promise<JsonValue>>();

/** Asked for by every training node of a study, but the same for all of one model and batch shape: computed once. */
export function trainingFingerprint(model: string, shape: { batch: number; sequence: number }): Promise<JsonValue> {
  const identity = JSON.stringify([model, shape]);
  const fingerprint = fingerprints.get(identity) ?? compute(model, shape);
  fingerprints.set(identity, fingerprint);
  return fingerprint;
}

async function compute(model: string, shape: { batch: number; sequence: number }): Promise<JsonValue> {
  const graph = graphHash(buildTrainingGraph(await readModelConfig(model), shape).graph);
  return { graph, kernel: readFingerprints().kernel, corpus, engine: runtimeVersion };
}

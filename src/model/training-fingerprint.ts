/** What training computes: the graph's hash, the optimizer kernel's hash, the corpus, the engine. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { graphHash } from '../compute/runtimes/onnx/graph-hash.ts';
import { runtimeVersion } from '../compute/runtimes/onnx/runtime-version.ts';
import type { JsonValue } from '../engine/json.ts';
import { packageRoot } from '../package-root.ts';
import { buildTrainingGraph } from './decoder/decoder-graph.ts';
import { fingerprint as corpus } from './marker-retrieval.ts';
import { readModelConfig } from './model-config.ts';

export async function trainingFingerprint(model: string, shape: { batch: number; sequence: number }): Promise<JsonValue> {
  const { kernel } = JSON.parse(readFileSync(join(packageRoot, 'dist/fingerprints.json'), 'utf8')) as { kernel: string };
  return { graph: graphHash(buildTrainingGraph(await readModelConfig(model), shape).graph), kernel, corpus, engine: runtimeVersion };
}

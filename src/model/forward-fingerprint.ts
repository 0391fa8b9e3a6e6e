/** What a stage that only runs forward passes computes: the graph's hash, the corpus, the engine. */
import type { JsonValue } from '../engine/json.ts';
import { runtimeVersion } from '../compute/runtimes/onnx/runtime-version.ts';
import { forwardGraphHash } from './create-language-model.ts';
import { fingerprint as corpus } from './marker-retrieval.ts';
import { readModelConfig } from './model-config.ts';

export async function forwardFingerprint(model: string, shape: { batch: number; sequence: number }): Promise<JsonValue> {
  return { graph: forwardGraphHash(await readModelConfig(model), shape), corpus, engine: runtimeVersion };
}

/** What a model's configuration comes to, for the keys of nodes that make or check its weights. */
import type { JsonObject } from '../base/json.ts';
import { parameterShapes } from './decoder/decoder-graph.ts';
import { readModelConfig } from './model-config.ts';

/**
 * Names and shapes of the tensors that follow from the configuration: the decoder's code is in no stage's code
 * fingerprint.
 * @throws SwpError if the configuration cannot be read or is wrong
 */
export async function parametersFingerprint(model: string): Promise<JsonObject> {
  return { parameters: Object.fromEntries(parameterShapes(await readModelConfig(model))) };
}

/**
 * What a model's files hold, for the keys of the nodes that read them. The content is named, never the place: models
 * belong to swp itself, so a study in any folder, or another clone, has the same keys.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { SwpError } from '../engine/failure.ts';
import type { JsonObject } from '../engine/json.ts';
import { parameterShapes } from './decoder/decoder-graph.ts';
import { checkpointPath, readModelConfig } from './model-config.ts';

/**
 * The configuration and the tensors that follow from it: the decoder's code is in no stage's code fingerprint.
 * @throws SwpError if the configuration cannot be read or is wrong
 */
export async function configFingerprint(model: string): Promise<JsonObject> {
  const config = await readModelConfig(model);
  return { config: { ...config }, parameters: Object.fromEntries(parameterShapes(config)) };
}

/** @throws SwpError as above, and if the checkpoint cannot be read */
export async function checkpointFingerprint(model: string, checkpoint: number): Promise<JsonObject> {
  const path = checkpointPath(model, checkpoint);
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new SwpError({ kind: 'file', path, operation: 'read', code: error.code ?? 'unknown', remedy: checkpointRemedy(model, checkpoint) });
  });
  return { ...(await configFingerprint(model)), checkpoint: createHash('sha256').update(bytes).digest('hex') };
}

/** What to do about a checkpoint that cannot be used. */
export function checkpointRemedy(model: string, checkpoint: number): string {
  return `Restore checkpoint ${checkpoint} of ${model} (its README says how to rebuild it), or choose another seed or load-pretrained.checkpoint.`;
}

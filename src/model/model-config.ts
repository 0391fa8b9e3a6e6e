/** Reads a model's folder under models/: config.json and the checkpoints beside it. */
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileFailure, refuseOddFile } from '../base/file-failure.ts';
import { listNames, nearestName } from '../base/nearest-name.ts';
import { packageRoot } from '../base/package-root.ts';
import type { ModelConfig } from './decoder/family.ts';
import { parseModelConfig } from './parse-config.ts';

/** Folder of a model's config.json and checkpoints. */
function modelDirectory(model: string): string {
  return join(packageRoot, 'models', model);
}

/** The model's configuration. */
export function configPath(model: string): string {
  return join(modelDirectory(model), 'config.json');
}

/** Checkpoint file of one pretraining seed. */
export function checkpointPath(model: string, checkpoint: number): string {
  return join(modelDirectory(model), `seed-${checkpoint}.safetensors`);
}

/** The pretraining seeds of which there is a checkpoint file, in order. */
export function existingCheckpoints(model: string): number[] {
  return namesIn(modelDirectory(model))
    .flatMap((name) => /^seed-(0|[1-9]\d*)\.safetensors$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** What to do where there is no configuration. */
export function configRemedy(model: string): string {
  const models = namesIn(join(packageRoot, 'models')).filter((name) => existsSync(configPath(name)));
  const nearest = nearestName(model, models);
  const hint = nearest === undefined ? '' : ` Did you mean "${nearest}"?`;
  return `Check the parameter "model": "${model}"; it names a folder under models/ with a config.json: ${listNames(models)}.${hint}`;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** @throws SwpError if config.json is missing, or with the places of what its family does not have */
export async function readModelConfig(model: string): Promise<ModelConfig> {
  const path = configPath(model);
  try {
    refuseOddFile(path);
    return parseModelConfig(path, await readFile(path, 'utf8'));
  } catch (error) {
    throw fileFailure(error, path, 'read', configRemedy(model));
  }
}

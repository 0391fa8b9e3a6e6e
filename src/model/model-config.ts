/** Reads a model's folder: config.json and the checkpoints beside it. `model` is what locateModel gives. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileFailure, refuseOddFile } from '../base/file-failure.ts';
import { listNames, quoted } from '../base/nearest-name.ts';
import { readableNames } from '../base/readable-names.ts';
import type { ModelConfig } from './decoder/family.ts';
import { builtInModels, modelFolder } from './model-folder.ts';
import { parseModelConfig } from './parse-config.ts';
import { isPublishedConfig } from './published-config.ts';
import { hasPublishedWeights, readPublishedFolder } from './published-folder.ts';

/** The model's configuration. */
export function configPath(model: string): string {
  return join(modelFolder(model), 'config.json');
}

/** Checkpoint file of one pretraining seed. */
export function checkpointPath(model: string, checkpoint: number): string {
  return join(modelFolder(model), `seed-${checkpoint}.safetensors`);
}

/** Whether the model is a folder as Hugging Face publishes it, weights included. All seeds start from the same ones. */
export function isPublishedFolder(model: string): boolean {
  const folder = modelFolder(model);
  if (!hasPublishedWeights(folder)) return false;
  try {
    return isPublishedConfig(readFileSync(configPath(model)));
  } catch {
    return false; // whoever reads the configuration says what is wrong with it
  }
}

/** The pretraining seeds of which there is a checkpoint file, in order. */
export function existingCheckpoints(model: string): number[] {
  return readableNames(modelFolder(model))
    .flatMap((name) => /^seed-(0|[1-9]\d*)\.safetensors$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Files of weights in the model's folder that are no checkpoints of swp, such as `model.safetensors`. */
export function otherWeights(model: string): string[] {
  const weights = /\.(safetensors|safetensors\.index\.json|bin\.index\.json|bin|pt|pth|gguf|h5|ckpt)$/;
  return readableNames(modelFolder(model)).filter(
    (name) => weights.test(name) && !/^seed-\d+\.safetensors$/.test(name),
  );
}

/** What to do where there is no configuration. */
export function configRemedy(model: string): string {
  return `A model is a folder with a config.json; ${listNames(builtInModels())} are built in. Put one there, or correct "model", ${quoted(basename(model))}.`;
}

/** @throws SwpError if config.json is missing, or with the places of what its family does not have */
export async function readModelConfig(model: string): Promise<ModelConfig> {
  const path = configPath(model);
  try {
    refuseOddFile(path);
    const content = await readFile(path);
    return isPublishedConfig(content) ? await readPublishedFolder(modelFolder(model)) : parseModelConfig(path, content);
  } catch (error) {
    throw fileFailure(error, path, 'read', configRemedy(model));
  }
}

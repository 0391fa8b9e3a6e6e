/** A model's configuration, and the checkpoints beside it. `model` is what locateModel gives. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileFailure, refuseOddFile } from '../base/file-failure.ts';
import { listNames, quoted } from '../base/nearest-name.ts';
import { readableNames } from '../base/readable-names.ts';
import type { ModelConfig } from './decoder/family.ts';
import { builtInModels, isGguf, modelFolder, namedWeights } from './model-name.ts';
import { checkpointOf, declaredFiles, isStandIn, readModelStandIn } from './stand-in.ts';
import { parseModelConfig } from './parse-config.ts';
import { readPublishedConfig } from './open-published.ts';
import { isPublishedConfig } from './published-config.ts';

/** The file that has the model's configuration. */
export function configPath(model: string): string {
  return isGguf(model) || isStandIn(model) ? model : join(modelFolder(model), 'config.json');
}

/** Checkpoint file of one pretraining seed; of a model that is named by its file, that one for every seed. */
export function checkpointPath(model: string, checkpoint: number): string {
  if (isStandIn(model)) return standInCheckpoint(model, checkpoint);
  return namedWeights(model) ?? join(modelFolder(model), `seed-${checkpoint}.safetensors`);
}

function standInCheckpoint(model: string, checkpoint: number): string {
  const [file] = declaredFiles(model, checkpointOf(readModelStandIn(model), checkpoint) ?? []);
  return file?.path ?? model;
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
  const [gguf] = readableNames(modelFolder(model)).filter((name) => name.endsWith('.gguf'));
  const instead = gguf === undefined ? '' : `, or name ${quoted(gguf)} itself, a model in one file`;
  return `A model is a folder with a config.json; ${listNames(builtInModels())} are built in. Put one there, or correct "model", ${quoted(basename(model))}${instead}.`;
}

/** @throws SwpError if config.json is missing, or with the places of what its family does not have */
export async function readModelConfig(model: string): Promise<ModelConfig> {
  const path = configPath(model);
  try {
    refuseOddFile(path);
    if (isGguf(model)) return await readPublishedConfig(model);
    if (isStandIn(model)) return parseModelConfig(path, JSON.stringify(readModelStandIn(model).config));
    const content = await readFile(path);
    return isPublishedConfig(content) ? await readPublishedConfig(model) : parseModelConfig(path, content);
  } catch (error) {
    throw fileFailure(error, path, 'read', configRemedy(model));
  }
}

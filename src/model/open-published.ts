/** Models that others published, whatever their files are: a folder of Hugging Face's, or one file in GGUF. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stampOf } from '../base/file-stamp.ts';
import type { ModelConfig } from './decoder/family.ts';
import { isGguf, modelFolder, namedWeights } from './model-name.ts';
import { configKind } from './published-config.ts';
import {
  hasPublishedWeights,
  openPublishedFolder,
  openPublishedParts,
  PUBLISHED_REMEDY,
  publishedFiles,
  readPublishedFolder,
} from './published-folder.ts';
import { GGUF_REMEDY, openPublishedGguf, readPublishedGguf } from './published-gguf.ts';
import type { PublishedFile, PublishedModel } from './published-model.ts';
import { checkpointOf, declaredFiles, isStandIn, readModelStandIn } from './stand-in.ts';

const GGUF = 'model.gguf';

/**
 * Whether a model is a published one, weights included: all seeds start from the same ones.
 * @param model as locateModel gives it, here and below
 */
export function isPublished(model: string): boolean {
  if (isGguf(model)) return true;
  if (isStandIn(model)) return readModelStandIn(model).published;
  const folder = modelFolder(model);
  if (namedWeights(model) === undefined && !hasPublishedWeights(folder)) return false;
  try {
    // Whoever reads the configuration says what is wrong with an unreadable one.
    return configKind(readFileSync(join(folder, 'config.json'))) !== 'own';
  } catch {
    return false;
  }
}

/** Whoever opens it closes it. @throws SwpError if it is damaged, or computes what swp does not */
export function openPublished(model: string): Promise<PublishedModel> {
  if (isStandIn(model)) {
    const parts = publishedWeights(model).files.map(({ name, path }) => [name, path] as const);
    return openPublishedFiles(Object.fromEntries(parts), readModelStandIn(model).config as unknown as ModelConfig);
  }
  return isGguf(model) ? openPublishedGguf(model) : openPublishedFolder(modelFolder(model), namedWeights(model));
}

/**
 * The same of the files of its weights alone, wherever they lie.
 * @param parts paths by the names of `publishedWeights`
 * @param config the model's; a GGUF file has its own
 */
export function openPublishedFiles(
  parts: Readonly<Record<string, string>>,
  config: ModelConfig,
): Promise<PublishedModel> {
  const gguf = parts[GGUF];
  return gguf === undefined ? openPublishedParts(parts, config) : openPublishedGguf(gguf);
}

/** The files that hold its weights, and what to do about one that cannot be used. */
export function publishedWeights(model: string): { files: PublishedFile[]; remedy: string } {
  if (isStandIn(model))
    return { files: declaredFiles(model, checkpointOf(readModelStandIn(model)) ?? []), remedy: PUBLISHED_REMEDY };
  if (isGguf(model)) return { files: [{ name: GGUF, path: model }], remedy: GGUF_REMEDY };
  return { files: publishedFiles(modelFolder(model), namedWeights(model)), remedy: PUBLISHED_REMEDY };
}

/** Its configuration alone. @throws SwpError as above */
export async function readPublishedConfig(model: string): Promise<ModelConfig> {
  if (!isGguf(model)) return readPublishedFolder(modelFolder(model), namedWeights(model));
  const state = `${model} ${stampOf(model)}`;
  const known = ofGguf.get(state) ?? readPublishedGguf(model);
  ofGguf.set(state, known);
  return known;
}

/** By the file's state: every node of a study asks. */
const ofGguf = new Map<string, Promise<ModelConfig>>();

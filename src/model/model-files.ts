/**
 * The files of a model, for the keys of the nodes that read them. The name says what a file is and never where it lies,
 * so that a study in any folder, or another clone, has the same keys.
 */
import { readFileSync } from 'node:fs';
import type { DeclaredFile } from '../engine/stage.ts';
import { listNames, quoted } from '../base/nearest-name.ts';
import { checkpointPath, configPath, configRemedy, existingCheckpoints, otherWeights } from './model-config.ts';
import { isPublished, publishedWeights } from './open-published.ts';
import { isPublishedConfig } from './published-config.ts';
import { checkpointOf, declaredFiles, isStandIn, readModelStandIn } from './stand-in.ts';

/** In keys, `model` is what the configuration says (`onModel`): how it is written, and where, makes no difference. */
export function configFile(model: string): DeclaredFile {
  return { name: 'config.json', path: configPath(model), remedy: () => configRemedy(model), inKey: false };
}

/** The files that hold a checkpoint of the model. */
export function checkpointFiles(model: string, checkpoint: number): DeclaredFile[] {
  if (isStandIn(model)) return standInFiles(model, checkpoint);
  const isLacking = lacksWeights(model);
  if (!isPublished(model) && !isLacking) return [checkpointFile(model, checkpoint)];
  const { files, remedy } = isLacking ? lackingWeights(model) : publishedWeights(model);
  return files.map(({ name, path }) => ({ name, path, remedy }));
}

function standInFiles(model: string, checkpoint: number): DeclaredFile[] {
  const standIn = readModelStandIn(model);
  return declaredFiles(model, checkpointOf(standIn, checkpoint) ?? [], `the weights of ${standIn.source}`);
}

function checkpointFile(model: string, checkpoint: number): DeclaredFile {
  return {
    name: 'checkpoint',
    path: checkpointPath(model, checkpoint),
    remedy: () =>
      foreignWeightsText(model) ??
      `${model} has ${existingText(existingCheckpoints(model))}${otherFilesText(model, checkpoint)}. ${otherCheckpoint('the file')}`,
  };
}

/** Whether a model without published files has a configuration of Hugging Face's and no checkpoint at all. */
function lacksWeights(model: string): boolean {
  if (isPublished(model) || existingCheckpoints(model).length > 0) return false;
  try {
    return isPublishedConfig(readFileSync(configPath(model)));
  } catch {
    return false; // whoever reads it says why
  }
}

/** The file of weights that belongs beside a configuration of Hugging Face's. */
function lackingWeights(model: string): ReturnType<typeof publishedWeights> {
  const others = otherWeights(model);
  return {
    files: publishedWeights(model).files,
    remedy:
      foreignWeightsText(model) ??
      `${model} has a config.json of Hugging Face's and ${others.length === 0 ? 'no weights' : listNames(others, 4)}. Fetch the model's weights into it as well: model.safetensors, or all parts with model.safetensors.index.json.`,
  };
}

/** What to do about weights that do not fit the model which a stage's parameter names. */
export function otherModelRemedy(stage: string, model: string): string {
  return `Check that ${stage}.model, ${model}, is the model that was trained.`;
}

/** What to do about a checkpoint that cannot be used. */
export function checkpointRemedy(model: string, checkpoint: number): string {
  return otherCheckpoint(`checkpoint ${checkpoint} of ${model}`);
}

function otherCheckpoint(damaged: string): string {
  return `Restore ${damaged} (the model's README says how to rebuild it), or choose another seed or load-pretrained.checkpoint. A study from scratch has no step load-pretrained.`;
}

/** What to do where all weights there are in a format that swp does not read. */
function foreignWeightsText(model: string): string | undefined {
  const files = otherWeights(model);
  const foreign = files.length > 0 && files.every((name) => /\.(bin|bin\.index\.json|pt|pth|h5|ckpt)$/.test(name));
  return foreign && existingCheckpoints(model).length === 0
    ? `${model} has ${listNames(files, 4)}, and swp reads safetensors. Load the model with transformers and save it anew (save_pretrained), which writes model.safetensors.`
    : undefined;
}

/** Weights of other names and kinds beside the configuration: one of them may be what is meant. */
function otherFilesText(model: string, checkpoint: number): string {
  const files = otherWeights(model);
  if (files.length === 0) return '';
  const parts = files.find((name) => name.endsWith('.index.json'));
  if (parts !== undefined)
    return `, but ${quoted(parts)}, the index of one in several parts, which swp does not read: join them in one file`;
  return `, but ${listNames(files, 4)}; a checkpoint is a safetensors file called seed-${checkpoint}.safetensors`;
}

/** E.g. `the checkpoints 0 to 3 and 5`. */
function existingText(checkpoints: readonly number[]): string {
  if (checkpoints.length === 0) return 'no checkpoint';
  const ranges: [number, number][] = [];
  for (const each of checkpoints) {
    const last = ranges.at(-1);
    if (last?.[1] === each - 1) last[1] = each;
    else ranges.push([each, each]);
  }
  const words = ranges.map(([from, to]) => (from === to ? `${from}` : `${from} ${to - from > 1 ? 'to' : 'and'} ${to}`));
  return `the checkpoint${checkpoints.length > 1 ? 's' : ''} ${words.join(', ')}`;
}

/**
 * The files of a model, for the keys of the nodes that read them. The name says what a file is and never where it lies:
 * models belong to swp itself, so a study in any folder, or another clone, has the same keys.
 */
import type { DeclaredFile } from '../engine/stage.ts';
import { checkpointPath, configPath, configRemedy } from './model-config.ts';

export function configFile(model: string): DeclaredFile {
  return { name: 'config.json', path: configPath(model), remedy: configRemedy(model) };
}

export function checkpointFile(model: string, checkpoint: number): DeclaredFile {
  return { name: 'checkpoint', path: checkpointPath(model, checkpoint), remedy: checkpointRemedy(model, checkpoint) };
}

/** What to do about weights that do not fit the model which a stage's parameter names. */
export function otherModelRemedy(stage: string, model: string): string {
  return `Check that ${stage}.model, ${model}, is the model that was trained.`;
}

/** What to do about a checkpoint that cannot be used. */
export function checkpointRemedy(model: string, checkpoint: number): string {
  return `Restore checkpoint ${checkpoint} of ${model} (its README says how to rebuild it), or choose another seed or load-pretrained.checkpoint. A study from scratch has no step load-pretrained.`;
}

/**
 * Where the model is that a study names; nothing else knows. A name is that of a built-in model, or of a folder of the
 * study: beside pipeline.json, or under models/ there. A name with a slash is a path from the study's folder. In keys
 * the name stands as the study has it, beside the digests of the files, and never where the study lies.
 */
import { existsSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';
import { packageRoot } from '../base/package-root.ts';
import { readableNames } from '../base/readable-names.ts';
import type { ParamProblem } from '../engine/stage.ts';

/**
 * What everything else in src/model knows a model by: a built-in one by its name, one of a study by the absolute path
 * of its folder.
 * @param name as the study has it
 * @param root the study's folder; without one, there are only the built-in models
 * @returns of a model that is nowhere, the first place in which it may be
 */
export function locateModel(name: string, root: string | undefined): string {
  if (root === undefined || isBuiltIn(name)) return name;
  const folders = ownFolders(name, root);
  return folders.find(hasConfig) ?? folders.find(isFolder) ?? folders[0]!;
}

/** Folder of a model's config.json and checkpoints. @param model as locateModel gives it */
export function modelFolder(model: string): string {
  return isAbsolute(model) ? model : join(packageRoot, 'models', model);
}

/** Names of the models that come with swp, sorted. */
export function builtInModels(): string[] {
  return readableNames(join(packageRoot, 'models')).filter((name) => hasConfig(modelFolder(name)));
}

/** What is wrong with a name that is no model's: what there is, and where it was looked for. */
export function modelProblems(name: string, root: string | undefined): ParamProblem[] {
  if (root === undefined || isBuiltIn(name)) return [];
  const folders = ownFolders(name, root);
  if (folders.some(isFolder)) return [];
  const suggestion = nearestName(name, [...builtInModels(), ...ownModels(root, name)]);
  return [
    {
      param: 'model',
      message: `There is no model ${quoted(name)}: none is built in, and there is no folder ${folders.join(' or ')}`,
      expected: `${listNames(builtInModels())}, which are built in, or a folder with a config.json, by its path from the study's folder, such as "./models/mine"`,
      ...(suggestion !== undefined && { suggestion }),
    },
  ];
}

function isBuiltIn(name: string): boolean {
  return !isPath(name) && isFolder(modelFolder(name));
}

/** Where a study's own model of this name may be, the first one before the others. */
function ownFolders(name: string, root: string): string[] {
  return isPath(name) ? [resolve(root, name)] : [join(root, name), join(root, 'models', name)];
}

function isPath(name: string): boolean {
  return name.includes('/') || name === '.' || name === '..';
}

/** Models of a study, as it may name them: those in its folder, under models/, and in the folder of a path. */
function ownModels(root: string, path: string): string[] {
  const beside = /^.*\//.exec(path)?.[0];
  return ['./', './models/', ...(beside === undefined ? [] : [beside])].flatMap((folder) =>
    readableNames(join(root, folder))
      .filter((name) => hasConfig(join(root, folder, name)))
      .map((name) => `${folder}${name}`),
  );
}

function hasConfig(folder: string): boolean {
  return existsSync(join(folder, 'config.json'));
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // nothing is there, or nothing that may be looked at
  }
}

/**
 * What a model's name in a study means; nothing else knows. It is the name of a built-in model; or the path of a folder
 * with config.json, of a .gguf file, or of a .safetensors file with config.json beside it. A path is absolute, or from
 * the study's folder; a single name may also lie under models/ there. Keys hold what a name means, and reports the last
 * part of a path: neither depends on where the model lies. In an unpacked bundle a name means what stand-in.ts says.
 */
import { existsSync, statSync, type Stats } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { FileDigests } from '../base/file-digests.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';
import { packageRoot } from '../base/package-root.ts';
import { readableNames } from '../base/readable-names.ts';
import type { ParamProblem } from '../engine/stage.ts';
import { isStandIn, readModelStandIn, standInPath } from './stand-in.ts';

/** What Hugging Face calls the weights of every model, and the list of their shards. */
const [WEIGHTS, INDEX] = ['model.safetensors', 'model.safetensors.index.json'] as const;
/** Files that are models by themselves. */
const MODEL_FILE = /\.(gguf|safetensors)$/;

/**
 * What everything else in src/model knows a model by: a built-in one by its name, one of a study by the absolute path
 * of its folder or file.
 * @param name as the study has it
 * @param root the study's folder; without one, there are only the built-in models
 * @returns of a model that is nowhere, the first place in which it may be
 */
export function locateModel(name: string, root: string | undefined): string {
  if (root === undefined || isBuiltIn(name)) return name;
  const standIn = standInPath('model', name, root);
  if (standIn !== undefined) return standIn;
  return movedModel(name, root) ?? declaredPlace(name, root);
}

function declaredPlace(name: string, root: string): string {
  const places = ownPlaces(name, root);
  return places.find(isModel) ?? places.find(isFolder) ?? places[0]!;
}

/**
 * Of a published model that is not where a study says: where swp has seen the same weights on this machine.
 * @returns undefined where it is there, or is nowhere
 */
export function movedModel(name: string, root: string): string | undefined {
  if (isBuiltIn(name) || standInPath('model', name, root) !== undefined) return undefined;
  const places = ownPlaces(name, root);
  if (places.some((place) => isModel(place) || isFolder(place))) return undefined;
  const digests = FileDigests.ofUser();
  for (const place of places) {
    const model = MODEL_FILE.test(place) ? movedFile(place, digests) : movedFolder(place, digests);
    if (model !== undefined) return model;
  }
  return undefined;
}

function movedFile(place: string, digests: FileDigests): string | undefined {
  const sha256 = digests.lastDigest(place);
  return sha256 === undefined ? undefined : digests.unchangedPlacesOf(sha256).find(isModel);
}

/** Of shards all have to be there: several models may have one index. */
function movedFolder(place: string, digests: FileDigests): string | undefined {
  const noted = digests.lastDigestsIn(place);
  const shards = [...noted.keys()].filter((name) => name.endsWith('.safetensors'));
  const names = noted.has(WEIGHTS) ? [WEIGHTS] : noted.has(INDEX) ? [INDEX, ...shards] : [];
  if (names[0] === undefined) return undefined;
  const folders = digests.unchangedPlacesOf(noted.get(names[0])!).map((path) => dirname(path));
  return folders.find(
    (folder) =>
      isModel(folder) &&
      names.slice(1).every((name) => digests.unchangedDigest(join(folder, name)) === noted.get(name)),
  );
}

/** Folder of a model's config.json and checkpoints. @param model as locateModel gives it */
export function modelFolder(model: string): string {
  if (!isAbsolute(model)) return join(packageRoot, 'models', model);
  return MODEL_FILE.test(model) && !isFolder(model) ? dirname(model) : model;
}

/** Whether a model is one file in GGUF, which has all that is known of it. @param model as locateModel gives it */
export function isGguf(model: string): boolean {
  return isAbsolute(model) && model.endsWith('.gguf') && !isFolder(model);
}

/** The file of weights, where a name means one and not its folder. @param model as locateModel gives it */
export function namedWeights(model: string): string | undefined {
  return isAbsolute(model) && MODEL_FILE.test(model) && !isFolder(model) ? model : undefined;
}

/** Names of the models that come with swp, sorted. */
export function builtInModels(): string[] {
  return readableNames(join(packageRoot, 'models')).filter((name) => hasConfig(modelFolder(name)));
}

/** What is wrong with a name that is no model's: what there is, and where it was looked for. */
export function modelProblems(name: string, root: string | undefined): ParamProblem[] {
  if (root === undefined || isBuiltIn(name) || standInPath('model', name, root) !== undefined) return [];
  const places = ownPlaces(name, root);
  if (places.some((place) => isModel(place) || isFolder(place)) || movedModel(name, root) !== undefined) return [];
  const other = places.find(isFile);
  const suggestion = nearestName(name, [...builtInModels(), ...ownModels(root, name)]);
  const home = /^~(\/|$)/.test(name) ? '; "~" is not read as your home: write the whole path' : '';
  return [
    {
      param: 'model',
      message:
        other === undefined
          ? `There is no model ${quoted(name)}: none is built in, and there is nothing at ${places.join(' or ')}${home}`
          : `${quoted(name)} is no model: ${other} is neither a folder nor a .gguf or .safetensors file`,
      expected: `${listNames(builtInModels())}, which are built in, or the path of a folder with a config.json, of a .gguf file or of a .safetensors file, such as "./models/mine"`,
      ...(suggestion !== undefined && { suggestion }),
    },
  ];
}

/**
 * What reports call a study's models: a built-in one by its name, another one by the last part of its path, or as many
 * parts as tell it from the others.
 * @param names as the study has them
 * @param root the study's folder
 * @returns by the study's name
 */
export function modelLabels(names: Iterable<string>, root: string): Map<string, string> {
  // A model that has moved is called as before.
  const places = new Map(
    [...new Set(names)].map((name) => {
      const located = locateModel(name, root);
      return [name, isAbsolute(located) && !isStandIn(located) ? declaredPlace(name, root) : located] as const;
    }),
  );
  const labels = new Map<string, string>(); // by place
  for (const place of places.values()) {
    if (isStandIn(place)) {
      labels.set(place, readModelStandIn(place).label);
      continue;
    }
    const parts = isAbsolute(place) ? labelParts(place) : [place];
    const clashes = (label: string) =>
      (isAbsolute(place) && isBuiltIn(label)) ||
      [...places.values()].some((other) => other !== place && endsWithLabel(other, label));
    let label = parts.at(-1)!;
    for (let from = parts.length - 2; from >= 0 && clashes(label); from--) label = `${parts[from]!}/${label}`;
    labels.set(place, label);
  }
  return new Map([...places].map(([name, place]) => [name, labels.get(place)!]));
}

/** Parts of a path that may be in a label. Hugging Face calls the file of every model alike: its folder says more. */
function labelParts(place: string): string[] {
  const named = basename(place) === WEIGHTS ? dirname(place) : place;
  const parts = named.split('/').filter((part) => part !== '');
  return parts.length === 0 ? ['/'] : parts;
}

function endsWithLabel(place: string, label: string): boolean {
  if (!isAbsolute(place)) return place === label;
  return `/${labelParts(place).join('/')}`.endsWith(`/${label}`);
}

function isBuiltIn(name: string): boolean {
  return !isPath(name) && hasConfig(join(packageRoot, 'models', name));
}

/** Where a study's own model of this name may be, the first one before the others. */
function ownPlaces(name: string, root: string): string[] {
  return isPath(name) ? [resolve(root, name)] : [resolve(root, name), resolve(root, 'models', name)];
}

function isPath(name: string): boolean {
  return name.includes('/') || name === '.' || name === '..';
}

/** Models of a study, as it may name them: those in its folder, under models/, and in the folder of a path. */
function ownModels(root: string, path: string): string[] {
  const beside = /^.*\//.exec(path)?.[0];
  return [...new Set(['./', './models/', ...(beside === undefined ? [] : [beside])])].flatMap((folder) =>
    readableNames(resolve(root, folder))
      .filter((name) => isModel(resolve(root, folder, name)))
      .map((name) => `${folder}${name}`),
  );
}

function isModel(place: string): boolean {
  return hasConfig(place) || (MODEL_FILE.test(place) && isFile(place));
}

function hasConfig(folder: string): boolean {
  return existsSync(join(folder, 'config.json'));
}

function isFolder(path: string): boolean {
  return kindOf(path)?.isDirectory() ?? false;
}

function isFile(path: string): boolean {
  return kindOf(path)?.isFile() ?? false;
}

/** Undefined where nothing is there, or nothing that may be looked at. */
function kindOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

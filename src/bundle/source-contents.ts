/**
 * What a bundle has of the models and texts of a study: a stand-in of each, made of what stands in keys, wherever their
 * files lie; and the files themselves where they are wanted, or are small texts and tokenizers.
 */
import { readFileSync, statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import type { ExternalFile, PlannedNode } from '../engine/node.ts';
import type { Plan } from '../engine/plan.ts';
import { configPath } from '../model/model-config.ts';
import { locateModel, modelLabels, namedWeights } from '../model/model-name.ts';
import { specialTokenIds } from '../model/model-tokenizer.ts';
import { isPublished } from '../model/open-published.ts';
import { pretrainingSteps } from '../model/pretraining.ts';
import {
  EVERY_SEED,
  sourceFileName,
  standInName,
  standInPath,
  type ModelStandIn,
  type SourceFile,
  type StandIn,
} from '../model/stand-in.ts';

/** What texts, and what tokenizers, may have in all to be in a bundle without being asked for. */
const SMALL_BYTES = 1_000_000;

export interface SourceContents {
  /** Stand-ins by their names in the bundle. */
  texts: Map<string, string>;
  /** Paths of the files that are in it, by their names there. */
  files: Map<string, string>;
  /** Paths of all files that stand-ins stand for. */
  covered: Set<string>;
}

/**
 * @param root the study's folder
 * @param wanted which files are to be in it, whatever their size
 * @throws SwpError of kind `file` for what cannot be read
 */
export async function sourceContents(
  plan: Plan,
  root: string,
  wanted: { weights: boolean; texts: boolean },
): Promise<SourceContents> {
  const contents: SourceContents = { texts: new Map(), files: new Map(), covered: new Set() };
  const nodes = [...plan.nodes.values()].map(({ node }) => node).filter(({ blocked }) => blocked === undefined);
  const models = ownModels(nodes, root);
  const labels = modelLabels(models.keys(), root);
  for (const [name, its] of models) {
    const weights = its.filter(({ stage }) => stage.name === 'load-pretrained');
    const tokenizer = keyedFiles(its.find(({ stage }) => stage.name === 'tokenize')).filter(isTokenizer);
    await addStandIn(contents, 'model', name, root, () =>
      describeModel(name, its[0]!, labels.get(name)!, root, { weights, tokenizer }),
    );
    contents.covered.add(configPath(locateModel(name, root)));
    const ofWeights = weights.flatMap(keyedFiles);
    addFiles(contents, ofWeights, wanted.weights);
    // A GGUF file has both.
    const others = tokenizer.filter(({ sha256 }) => !ofWeights.some((file) => file.sha256 === sha256));
    addFiles(contents, others, wanted.weights || areSmall(others));
  }
  for (const node of nodes.filter(({ stage }) => stage.name === 'tokenize')) {
    const text = isJsonObject(node.params.corpus) ? node.params.corpus.text : undefined;
    if (typeof text !== 'string') continue;
    const files = keyedFiles(node).filter((file) => !isTokenizer(file));
    await addStandIn(contents, 'text', text, root, () =>
      Promise.resolve({ kind: 'text', source: text, files: files.map(described) }),
    );
    addFiles(contents, files, wanted.texts || areSmall(files));
  }
  return contents;
}

/** One that the study has already, since it came out of a bundle, is passed on. */
async function addStandIn(
  contents: SourceContents,
  kind: StandIn['kind'],
  source: string,
  root: string,
  describe: () => Promise<StandIn>,
): Promise<void> {
  const own = standInPath(kind, source, root);
  if (own !== undefined) contents.covered.add(own);
  const text =
    own === undefined ? `${canonicalJson((await describe()) as unknown as JsonValue)}\n` : readFileSync(own, 'utf8');
  contents.texts.set(standInName(kind, source), text);
}

function addFiles(contents: SourceContents, files: readonly ExternalFile[], areWanted: boolean): void {
  for (const { path, sha256, absent } of files) {
    contents.covered.add(path);
    if (areWanted && absent === undefined) contents.files.set(sourceFileName(sha256!), path);
  }
}

async function describeModel(
  name: string,
  { preimage }: PlannedNode,
  label: string,
  root: string,
  { weights, tokenizer }: { weights: readonly PlannedNode[]; tokenizer: readonly ExternalFile[] },
): Promise<ModelStandIn> {
  const location = locateModel(name, root);
  const published = isPublished(location);
  const isOne = published || namedWeights(location) !== undefined;
  const checkpoints = weights.map(
    (node) => [isOne ? EVERY_SEED : String(node.params.checkpoint), keyedFiles(node).map(described)] as const,
  );
  return {
    ...{ kind: 'model', source: name, label, published },
    config: (preimage.params as JsonObject).model as JsonObject,
    checkpoints: Object.fromEntries(checkpoints),
    tokenizer: tokenizer.map(described),
    specialTokens: tokenizer.length === 0 ? {} : await specialTokenIds(location),
    pretraining: (await pretrainingSteps(location)) ?? null,
  };
}

/** Nodes by the model that they name, of those whose keys have its configuration; built-in models are left out. */
function ownModels(nodes: readonly PlannedNode[], root: string): Map<string, PlannedNode[]> {
  const models = new Map<string, PlannedNode[]>();
  for (const node of nodes) {
    const { model } = node.params;
    const keyed = (node.preimage.params as JsonObject).model;
    if (typeof model !== 'string' || !isJsonObject(keyed)) continue;
    const location = locateModel(model, root);
    if (!isAbsolute(location)) continue;
    models.set(model, [...(models.get(model) ?? []), node]);
  }
  return models;
}

/** The files whose digests are in a node's key. */
function keyedFiles(node: PlannedNode | undefined): ExternalFile[] {
  return (node?.files ?? []).filter(({ sha256 }) => sha256 !== undefined);
}

function isTokenizer({ name }: Pick<ExternalFile, 'name'>): boolean {
  return name.startsWith('tokenizer');
}

function areSmall(files: readonly ExternalFile[]): boolean {
  const there = files.filter(({ absent }) => absent === undefined);
  return there.reduce((sum, { path }) => sum + statSync(path).size, 0) <= SMALL_BYTES;
}

function described({ name, sha256, path }: ExternalFile): SourceFile {
  return { name, sha256: sha256!, bytes: statSync(path).size };
}

/**
 * A folder as Hugging Face publishes models: config.json, and `model.safetensors` or shards that
 * `model.safetensors.index.json` lists. Nothing is read but headers until a tensor is asked for.
 */
import { existsSync, lstatSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SwpError } from '../base/failure.ts';
import { fileFailure, refuseOddFile } from '../base/file-failure.ts';
import { isJsonObject, type JsonValue } from '../base/json.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';
import { parameterShapes } from './decoder/decoder-graph.ts';
import type { ModelConfig } from './decoder/family.ts';
import { PUBLISHED } from './decoder/published.ts';
import type { PublishedConfig, PublishedFamily } from './decoder/published-family.ts';
import { foreignFile } from './foreign-file.ts';
import { parsePublishedConfig, type ReadConfig } from './published-config.ts';
import type { PublishedFile, PublishedModel } from './published-model.ts';
import type { TensorEntry } from './safetensors-header.ts';
import { SafetensorsReader } from './safetensors-reader.ts';

const CONFIG = 'config.json';
const WEIGHTS = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
/** What to do about files of a published model that cannot be used. */
export const PUBLISHED_REMEDY = 'Fetch the model again, or save it anew with transformers (save_pretrained).';

/** A tensor's numbers in one of the files. */
interface Place {
  reader: SafetensorsReader;
  entry: TensorEntry;
}

/** Numbers that are held at a time where a matrix is turned, or two are compared. */
const CHUNK = 1 << 22;

/**
 * @param weights the file that has all weights, where another is meant than the folder's own
 * @throws SwpError if a file is missing or damaged, if the configuration is refused, or if the files lack a tensor,
 *   have one too many, or one of another shape or type
 */
export async function openPublishedFolder(folder: string, weights?: string): Promise<PublishedModel> {
  const path = join(folder, CONFIG);
  return open(parsePublishedConfig(path, read(path)), weightFiles(folder, weights));
}

/**
 * The same of files that may lie anywhere.
 * @param parts paths by the names that they have in a folder: the weights, and of shards their index
 * @param config the model's, as it was read with the weights or without
 * @throws SwpError as above
 */
export async function openPublishedParts(
  parts: Readonly<Record<string, string>>,
  config: ModelConfig,
): Promise<PublishedModel> {
  const { [INDEX]: index, ...shards } = parts;
  const file = ([name, path]: [string, string]): PublishedFile => ({ name, path });
  const map = index === undefined ? undefined : readIndex(index);
  const family = PUBLISHED[config.family];
  if (family === undefined) throw new Error(`No models of the family ${config.family} are published.`);
  const own = { ...config, tiedHead: (config as Partial<PublishedConfig>).tiedHead ?? false };
  return open(
    { config: own, family },
    {
      shards: Object.entries(shards).map(file),
      index: index === undefined ? [] : [file([INDEX, index])],
      listed: map && new Map([...map].map(([tensor, name]) => [tensor, shards[name] ?? name])),
    },
  );
}

async function open({ config, family }: ReadConfig, files: WeightFiles): Promise<PublishedModel> {
  const readers: SafetensorsReader[] = [];
  const close = async () => {
    for (const reader of readers) await reader.close();
  };
  try {
    for (const { path } of files.shards) readers.push(await SafetensorsReader.open(path));
    const places = placesOf(family, readers, files.listed);
    const head = await resolveHead(config, family, places, readers[0]!.path);
    checkTensors(head.config, family, places, files.shards);
    return {
      config: head.config,
      files: [...files.index, ...files.shards],
      notes: head.notes,
      read: (name, into) => readPlace(places.get(name)!, family.isTransposed(name), into),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * The configuration alone. Where the embedding may make the logits, too, the weights decide, if they are there.
 * @throws SwpError as above
 */
export async function readPublishedFolder(folder: string, weights?: string): Promise<ModelConfig> {
  const path = join(folder, CONFIG);
  const content = read(path);
  const { config } = parsePublishedConfig(path, content);
  if (!config.tiedHead || (weights === undefined && !hasPublishedWeights(folder))) return config;
  const state = JSON.stringify([
    content.toString('latin1'),
    ...publishedFiles(folder, weights).map((file) => [file.path, statSync(file.path, { throwIfNoEntry: false })]),
  ]);
  const known = resolved.get(state);
  if (known !== undefined) return known;
  const model = await openPublishedFolder(folder, weights);
  await model.close();
  resolved.set(state, model.config);
  return model.config;
}

/** By the state of all files: every node of a study asks, and comparing two matrices takes a while. */
const resolved = new Map<string, ModelConfig>();

/**
 * Whether there are weights in the folder under the names that transformers gives them. A link counts wherever it
 * leads: in the Hugging Face hub's cache every file is one, and of a fetch that was broken off some lead nowhere.
 */
export function hasPublishedWeights(folder: string): boolean {
  return [WEIGHTS, INDEX].some((name) => {
    try {
      lstatSync(join(folder, name));
      return true;
    } catch {
      return false; // there is none, or the folder cannot be looked at
    }
  });
}

/** The files of weights that there are or should be, the index among them; of an index that cannot be read, itself. */
export function publishedFiles(folder: string, weights?: string): PublishedFile[] {
  try {
    const { index, shards } = weightFiles(folder, weights);
    return [...index, ...shards];
  } catch (error) {
    if (!(error instanceof SwpError)) throw error;
    return [{ name: INDEX, path: join(folder, INDEX) }];
  }
}

interface WeightFiles {
  shards: PublishedFile[];
  /** The index, if there is one. */
  index: PublishedFile[];
  /** By tensor: the path of the file in which the index says that it is. */
  listed: Map<string, string> | undefined;
}

/** As transformers does: one whole file before shards. */
function weightFiles(folder: string, named?: string): WeightFiles {
  const whole = { name: WEIGHTS, path: named ?? join(folder, WEIGHTS) };
  const index = { name: INDEX, path: join(folder, INDEX) };
  if (named !== undefined || existsSync(whole.path) || !existsSync(index.path))
    return { shards: [whole], index: [], listed: undefined };
  const map = readIndex(index.path);
  const names = [...new Set(map.values())].sort();
  return {
    shards: names.map((name) => ({ name, path: join(folder, name) })),
    index: [index],
    listed: new Map([...map].map(([tensor, name]) => [tensor, join(folder, name)])),
  };
}

/** Which file a tensor is in, by the names of both. */
function readIndex(path: string): Map<string, string> {
  const content = read(path);
  const foreign = foreignFile(content.subarray(0, 256));
  if (foreign?.what.startsWith('a pointer') === true)
    throw new SwpError({ kind: 'content', path, message: `It is ${foreign.what}`, remedy: foreign.remedy });
  let value: JsonValue = null;
  try {
    value = JSON.parse(content.toString('utf8')) as JsonValue;
  } catch {
    throw unfit(path, 'The index is no JSON');
  }
  const map = isJsonObject(value) ? value['weight_map'] : undefined;
  if (!isJsonObject(map) || Object.keys(map).length === 0)
    throw unfit(path, 'The index has no "weight_map" that says which file each tensor is in');
  return new Map(
    Object.entries(map).map(([tensor, name]) => {
      if (typeof name !== 'string' || !/^[\w][\w.-]*\.safetensors$/.test(name))
        throw unfit(
          path,
          `The index gives the tensor ${quoted(tensor)} the file ${quoted(String(name))}, which is no name of a safetensors file beside it`,
        );
      return [tensor, name];
    }),
  );
}

function read(path: string): Buffer {
  try {
    refuseOddFile(path);
    return readFileSync(path);
  } catch (error) {
    throw fileFailure(error, path, 'read', PUBLISHED_REMEDY);
  }
}

/** Where each tensor is, by its name in swp; buffers are left out. */
function placesOf(
  family: PublishedFamily,
  readers: readonly SafetensorsReader[],
  listed: ReadonlyMap<string, string> | undefined,
): Map<string, Place> {
  const places = new Map<string, Place>();
  const missing = new Map(listed);
  for (const reader of readers)
    for (const [name, entry] of reader.entries) {
      if (listed !== undefined && listed.get(name) !== reader.path)
        throw unfit(reader.path, `It has the tensor ${quoted(name)}, which the index ${INDEX} does not say`);
      missing.delete(name);
      const bare = name.startsWith(family.prefix) ? name.slice(family.prefix.length) : name;
      if (family.isBuffer(bare)) continue;
      const own = bare === family.head ? bare : `${family.prefix}${bare}`;
      const other = places.get(own);
      if (other !== undefined)
        throw unfit(
          reader.path,
          `It has the tensor ${quoted(own)} twice, as ${quoted(other.entry.name)} and ${quoted(name)}`,
        );
      places.set(own, { reader, entry });
    }
  for (const [name, path] of missing)
    throw unfit(path, `It lacks the tensor ${quoted(name)}, which the index ${INDEX} says it has`);
  return places;
}

/**
 * Decides whether the embedding makes the logits, as transformers 5.24 does: if the configuration ties the two and both
 * are in the files, they are tied only if they are equal; if one of them is missing, it is the other one.
 */
async function resolveHead(
  config: PublishedConfig,
  { embedding, head }: PublishedFamily,
  places: Map<string, Place>,
  path: string,
): Promise<{ config: PublishedConfig; notes: string[] }> {
  const [embeds, own] = [places.get(embedding), places.get(head)];
  if (!config.tiedHead) {
    if (own === undefined && embeds !== undefined)
      throw unfit(
        path,
        `The tensor ${quoted(head)} is missing, and the configuration does not tie it to ${quoted(embedding)}`,
        'Fetch the model again; if its embedding makes the logits, say "tie_word_embeddings": true in config.json.',
      );
    return { config, notes: [] };
  }
  if (own === undefined) return { config, notes: [] };
  if (embeds === undefined) {
    places.set(embedding, own);
    places.delete(head);
    return { config, notes: [`The files have no ${embedding}: ${head}, which the configuration ties to it, is both.`] };
  }
  if (await areEqual(embeds, own)) {
    places.delete(head);
    return { config, notes: [] };
  }
  return {
    config: { ...config, tiedHead: false },
    notes: [
      `The configuration ties ${head} to ${embedding}, but the files have both with different numbers: they are not tied, as in transformers.`,
    ],
  };
}

async function areEqual(first: Place, second: Place): Promise<boolean> {
  if (`${first.entry.shape}` !== `${second.entry.shape}`) return false;
  const { elements } = first.entry;
  for (let from = 0; from < elements; from += CHUNK) {
    const [a, b] = [first, second].map(() => new Float32Array(Math.min(CHUNK, elements - from))) as [
      Float32Array,
      Float32Array,
    ];
    await first.reader.read(first.entry, a, from);
    await second.reader.read(second.entry, b, from);
    if (a.some((number, index) => number !== b[index])) return false;
  }
  return true;
}

/** Every tensor of the configuration is there, in its shape and as real numbers, and no other one. */
function checkTensors(
  config: PublishedConfig,
  family: PublishedFamily,
  places: ReadonlyMap<string, Place>,
  shards: readonly PublishedFile[],
): void {
  const shapes = parameterShapes(config);
  const surplus = [...places.keys()].filter((name) => !shapes.has(name));
  const missing = [...shapes.keys()].filter((name) => !places.has(name));
  const [extra] = surplus;
  if (extra !== undefined) {
    const { reader, entry } = places.get(extra)!;
    const meant = nearestName(extra, missing);
    throw unfit(
      reader.path,
      `A ${config.family} with this configuration has no tensor ${quoted(entry.name)}${
        surplus.length > 1 ? `, and none of ${surplus.length - 1} others of the files` : ''
      }${meant === undefined ? '' : `; its tensor ${quoted(meant)} is missing`}`,
    );
  }
  if (missing.length > 0)
    throw unfit(
      shards.at(-1)!.path,
      `${missing.length === 1 ? 'The tensor' : 'Tensors'} ${listNames(missing, 3)} ${missing.length === 1 ? 'is' : 'are'} missing`,
    );
  for (const [name, shape] of shapes) {
    const { reader, entry } = places.get(name)!;
    const wanted = family.isTransposed(name) ? shape.toReversed() : shape;
    if (`${entry.shape}` !== `${wanted}`)
      throw unfit(
        reader.path,
        `The tensor ${entry.name} has the shape [${entry.shape.join(', ')}], a model of this configuration [${wanted.join(', ')}]`,
      );
    if (entry.dtype === 'U8' || entry.dtype === 'BOOL')
      throw unfit(reader.path, `The tensor ${entry.name} is ${entry.dtype}; weights are F32, F16 or BF16`);
  }
}

/** @param transposed whether the file has the matrix as [in, out] */
async function readPlace({ reader, entry }: Place, transposed: boolean, into: Float32Array): Promise<void> {
  if (!transposed) {
    await reader.read(entry, into);
    return;
  }
  const [inputs, outputs] = entry.shape as [number, number];
  const rows = Math.max(1, Math.floor(CHUNK / outputs));
  for (let first = 0; first < inputs; first += rows) {
    const part = new Float32Array(Math.min(rows, inputs - first) * outputs);
    await reader.read(entry, part, first * outputs);
    for (let output = 0; output < outputs; output++)
      for (let at = output, to = output * inputs + first; at < part.length; at += outputs, to++) into[to] = part[at]!;
  }
}

function unfit(path: string, message: string, remedy = PUBLISHED_REMEDY): SwpError {
  return new SwpError({ kind: 'content', path, message, remedy });
}

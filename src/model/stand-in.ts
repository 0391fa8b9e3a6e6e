/**
 * What is known of a model or a text that a study names, without its files: their digests, and of a model what its
 * configuration says. A bundle has one for each in sources/ beside pipeline.json, so that the study can be planned, and
 * its results be made again, where the files are not. Where one is, it counts, whatever lies at the path by now. Files
 * that are there lie in sources/files/, by their SHA-256; a file of another content there is refused before it is used.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compileSchema } from '../base/compile-schema.ts';
import { SwpError } from '../base/failure.ts';
import { fileFailure, refuseOddFile } from '../base/file-failure.ts';
import { stampOf } from '../base/file-stamp.ts';
import { entryOf, type JsonObject, type JsonValue } from '../base/json.ts';
import type { DeclaredFile } from '../engine/stage.ts';

/** A file by what is in it. */
export interface SourceFile {
  /** As keys name it, such as `model.safetensors`. */
  name: string;
  sha256: string;
  bytes: number;
}

export interface ModelStandIn {
  kind: 'model';
  /** As the study names it. */
  source: string;
  /** What reports call it. */
  label: string;
  /** As swp understands it (ModelConfig): what keys hold. */
  config: JsonObject;
  /** Whether it is one that others published: then all seeds have one checkpoint. */
  published: boolean;
  /** The files of each checkpoint that the study loads, by number; by EVERY_SEED where every seed has the same. */
  checkpoints: Record<string, SourceFile[]>;
  tokenizer: SourceFile[];
  /** What its configuration says of special tokens. */
  specialTokens: JsonObject;
  /** Training steps of its checkpoints; null where they are not known. */
  pretraining: number | null;
}

export interface TextStandIn {
  kind: 'text';
  source: string;
  files: SourceFile[];
}

export type StandIn = ModelStandIn | TextStandIn;

/** The folder beside pipeline.json. */
export const SOURCES = 'sources';

const DIGEST = { type: 'string', pattern: '^[0-9a-f]{64}$' };
const FILES = {
  type: 'array',
  maxItems: 20_000,
  items: {
    type: 'object',
    required: ['name', 'sha256', 'bytes'],
    properties: { name: { type: 'string' }, sha256: DIGEST, bytes: { type: 'integer', minimum: 0 } },
  },
};
const SCHEMAS = {
  model: {
    type: 'object',
    required: ['source', 'label', 'config', 'published', 'checkpoints', 'tokenizer', 'specialTokens', 'pretraining'],
    properties: {
      kind: { const: 'model' },
      source: { type: 'string' },
      label: { type: 'string', minLength: 1, maxLength: 1000 },
      config: { type: 'object' },
      published: { type: 'boolean' },
      checkpoints: { type: 'object', additionalProperties: FILES },
      tokenizer: FILES,
      specialTokens: { type: 'object' },
      pretraining: { type: ['integer', 'null'], minimum: 0 },
    },
  },
  text: {
    type: 'object',
    required: ['source', 'files'],
    properties: { kind: { const: 'text' }, source: { type: 'string' }, files: { ...FILES, minItems: 1 } },
  },
};

/** Its name in a study's folder, with slashes. */
export function standInName(kind: StandIn['kind'], source: string): string {
  return `${SOURCES}/${createHash('sha256').update(source).digest('hex').slice(0, 16)}.${kind}.json`;
}

/** Name of a file in a study's folder by its digest, with slashes. */
export function sourceFileName(sha256: string): string {
  return `${SOURCES}/files/${sha256}`;
}

/**
 * The stand-in of a model or a text, if the study's folder has one.
 * @param root the study's folder
 * @returns its path
 */
export function standInPath(kind: StandIn['kind'], source: string, root: string | undefined): string | undefined {
  if (root === undefined) return undefined;
  const path = join(root, standInName(kind, source));
  return existsSync(path) ? path : undefined;
}

/** Whether a model is known by a stand-in alone. @param model as locateModel gives it */
export function isStandIn(model: string): boolean {
  return /[\\/]sources[\\/][0-9a-f]{16}\.model\.json$/.test(model);
}

/** @throws SwpError of kind `content` for what is none, `file` if it cannot be read */
export function readModelStandIn(path: string): ModelStandIn {
  return read(path, 'model') as ModelStandIn;
}

/** The same of a text. */
export function readTextStandIn(path: string): TextStandIn {
  return read(path, 'text') as TextStandIn;
}

/** By path and state: every node of a study asks. */
const known = new Map<string, StandIn>();

function read(path: string, kind: StandIn['kind']): StandIn {
  const state = `${path} ${stampOf(path)}`;
  const found = known.get(state) ?? parse(path, kind);
  known.set(state, found);
  return found;
}

function parse(path: string, kind: StandIn['kind']): StandIn {
  let value: JsonValue;
  try {
    refuseOddFile(path);
    value = JSON.parse(readFileSync(path, 'utf8')) as JsonValue;
  } catch (error) {
    if (error instanceof SyntaxError) throw unfit(path, 'It is no JSON');
    throw fileFailure(error, path, 'read', REMEDY);
  }
  const validate = compileSchema<StandIn>(SCHEMAS[kind], { strict: false });
  if (validate(value)) return value;
  const [problem] = validate.errors!;
  throw unfit(path, `${problem!.instancePath || 'It'} ${problem!.message}`);
}

const REMEDY = 'Unpack the bundle again; or remove the file, and put what it stands for where pipeline.json says.';

function unfit(path: string, message: string): SwpError {
  return new SwpError({ kind: 'content', path, message, remedy: REMEDY });
}

/**
 * Files as a stage declares them, whether they are there or not.
 * @param path of the stand-in
 * @param what the files are, for messages, such as "the weights of ./model.gguf"
 */
export function declaredFiles(path: string, files: readonly SourceFile[], what = 'a model'): DeclaredFile[] {
  const root = dirname(dirname(path));
  return files.map(({ name, sha256, bytes }) => ({
    name,
    path: join(root, sourceFileName(sha256)),
    sha256,
    remedy: `It is of ${what}, known here by its digest alone: put the file of ${bytes} bytes with this SHA-256 there.`,
  }));
}

/** The checkpoint of every seed among those of a stand-in. */
export const EVERY_SEED = '*';

/** The files of a checkpoint; undefined for one that the study does not load. */
export function checkpointOf({ checkpoints }: ModelStandIn, checkpoint?: number): SourceFile[] | undefined {
  return entryOf(checkpoints, EVERY_SEED) ?? entryOf(checkpoints, String(checkpoint));
}

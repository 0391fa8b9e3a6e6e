/** Reads a model's folder under models/: config.json and the checkpoints beside it. */
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { SwpError } from '../base/failure.ts';
import { fileFailure } from '../base/file-failure.ts';
import { listNames, nearestName } from '../base/nearest-name.ts';
import { packageRoot } from '../base/package-root.ts';
import { CORPUS_NAMES } from './corpora.ts';
import { FAMILIES, familyOf } from './decoder/family-of.ts';
import type { ModelConfig } from './decoder/family.ts';

/** The fields that every family has, as JSON Schema. A family adds its own (DecoderFamily.fields). */
const COMMON_FIELDS: Record<keyof ModelConfig, object> = {
  family: { type: 'string' },
  corpus: { enum: CORPUS_NAMES },
  // Far above what can be run here, so that a slip of the hand does not make planning build a graph without an end.
  layers: { type: 'integer', minimum: 1, maximum: 1000 },
  width: { type: 'integer', minimum: 2, maximum: 65_536 },
  heads: { type: 'integer', minimum: 1, maximum: 65_536 },
  feedForward: { type: 'integer', minimum: 1, maximum: 1_000_000 },
  vocabulary: { type: 'integer', minimum: 2, maximum: 10_000_000 },
  // Graphs compute in float32, in which less is 0 and more is infinite.
  normEpsilon: { type: 'number', minimum: 1.2e-38, maximum: 1e38 },
};

/** By family, made when a configuration of the family is read. */
const validators = new Map<string, ValidateFunction<ModelConfig>>();

/** Folder of a model's config.json and checkpoints. */
function modelDirectory(model: string): string {
  return join(packageRoot, 'models', model);
}

/** The model's configuration. */
export function configPath(model: string): string {
  return join(modelDirectory(model), 'config.json');
}

/** Checkpoint file of one pretraining seed. */
export function checkpointPath(model: string, checkpoint: number): string {
  return join(modelDirectory(model), `seed-${checkpoint}.safetensors`);
}

/** The pretraining seeds of which there is a checkpoint file, in order. */
export function existingCheckpoints(model: string): number[] {
  return namesIn(modelDirectory(model))
    .flatMap((name) => /^seed-(0|[1-9]\d*)\.safetensors$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** What to do where there is no configuration. */
export function configRemedy(model: string): string {
  const models = namesIn(join(packageRoot, 'models')).filter((name) => existsSync(configPath(name)));
  const nearest = nearestName(model, models);
  const hint = nearest === undefined ? '' : ` Did you mean "${nearest}"?`;
  return `Check the parameter "model": "${model}"; it names a folder under models/ with a config.json: ${listNames(models)}.${hint}`;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** @throws SwpError if config.json is missing or not what its family says */
export async function readModelConfig(model: string): Promise<ModelConfig> {
  const path = configPath(model);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileFailure(error, path, 'read', configRemedy(model));
  });
  return checkedConfig(path, parse(path, text));
}

function checkedConfig(path: string, content: unknown): ModelConfig {
  const family = (content as Partial<ModelConfig> | null)?.family;
  if (typeof family !== 'string' || !Object.hasOwn(FAMILIES, family))
    throw contentFailure(
      path,
      family === undefined ? 'The file names no family' : `/family ${JSON.stringify(family)} is no family of decoders`,
      `Write "family": ${listNames(Object.keys(FAMILIES))}.`,
    );
  const { fields, problem, summary } = familyOf({ family });
  const remedy = `A ${family} (${summary.replace(/\.$/, '')}) has the fields ${[...Object.keys(COMMON_FIELDS), ...Object.keys(fields)].join(', ')}.`;
  const validate = validators.get(family) ?? compile(fields);
  validators.set(family, validate);
  if (!validate(content)) {
    throw contentFailure(path, inWords(validate.errors![0]!), remedy);
  }
  const found = problem?.(content);
  if (found !== undefined) throw contentFailure(path, found, remedy);
  return content;
}

/** Ajv leaves out of its message which values are allowed, and which field is too many. */
function inWords({ instancePath, message, keyword, params }: ErrorObject): string {
  const place = instancePath || 'The file';
  if (keyword === 'enum') return `${place} must be ${listNames(params.allowedValues as unknown[])}`;
  if (keyword === 'additionalProperties')
    return `${place} has a field "${String(params.additionalProperty)}", which is none`;
  return `${place} ${message}`;
}

function compile(fields: Record<string, object>): ValidateFunction<ModelConfig> {
  const properties = { ...COMMON_FIELDS, ...fields };
  return new Ajv({ allErrors: true, validateSchema: false }).compile<ModelConfig>({
    type: 'object',
    additionalProperties: false,
    required: Object.keys(properties),
    properties,
  });
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw contentFailure(path, (error as Error).message, 'Correct the JSON.');
  }
}

function contentFailure(path: string, message: string, remedy: string): SwpError {
  return new SwpError({ kind: 'content', path, message, remedy });
}

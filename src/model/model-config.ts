/** Reads a model's folder under models/: config.json and the checkpoints beside it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import schema from '../../schemas/model-config.schema.json' with { type: 'json' };
import { SwpError } from '../base/failure.ts';
import { fileFailure } from '../base/file-failure.ts';
import { packageRoot } from '../base/package-root.ts';
import type { ModelConfig } from './language-model.ts';

const validate = new Ajv({ allErrors: true, validateSchema: false, discriminator: true }).compile<ModelConfig>(schema);

/** Folder of a model's config.json and checkpoints. */
export function modelDirectory(model: string): string {
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

/** What to do where there is no configuration. */
export function configRemedy(model: string): string {
  return `Check the parameter "model": "${model}"; it names a folder under models/ with a config.json.`;
}

/** @throws SwpError if config.json is missing or not what schemas/model-config.schema.json says */
export async function readModelConfig(model: string): Promise<ModelConfig> {
  const path = configPath(model);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileFailure(error, path, 'read', configRemedy(model));
  });
  const config = parse(path, text);
  if (!validate(config)) {
    const problem = validate.errors![0]!;
    throw contentFailure(path, `${problem.instancePath || 'The file'} ${problem.message}`);
  }
  const halves = config.family === 'llama' ? 2 : 1; // rotary positions pair a head's lower and upper features
  if (config.width % (halves * config.heads) !== 0)
    throw contentFailure(
      path,
      `/width ${config.width} is no multiple of ${halves === 2 ? 'twice ' : ''}the ${config.heads} heads`,
    );
  return config;
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw contentFailure(path, (error as Error).message);
  }
}

function contentFailure(path: string, message: string): SwpError {
  return new SwpError({
    kind: 'content',
    path,
    message,
    remedy: 'schemas/model-config.schema.json describes the file.',
  });
}

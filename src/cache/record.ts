/**
 * A record: what the cache keeps per recipe key. It holds the full pre-images, so that any two keys ever recorded can
 * be compared value by value. Format: schemas/record.schema.json.
 */
import { Ajv } from 'ajv';
import schema from '../../schemas/record.schema.json' with { type: 'json' };
import { SwpError } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';
import type { RecordFile } from '../generated/record.ts';

export const RECORD_VERSION = 1;

export interface RecordedArtifact {
  /** SHA-256 of the content, hexadecimal. */
  sha256: string;
  bytes: number;
  /** File name that the stage declares; its extension is kept in the cache. */
  file: string;
  /** May be evicted by garbage collection: it is made again when something asks for it. */
  evictable?: boolean;
}

export interface CacheRecord extends Omit<RecordFile, 'preimage' | 'contentPreimage' | 'artifacts' | 'environment'> {
  preimage: JsonObject;
  contentPreimage: JsonObject;
  artifacts: Record<string, RecordedArtifact>;
  environment: JsonObject;
}

let validator: ReturnType<typeof compile> | undefined;
function compile() {
  // The schema is our own: checking it against the meta-schema would cost every command tens of milliseconds.
  return new Ajv({ allowUnionTypes: true, meta: false, validateSchema: false }).compile<CacheRecord>({
    ...schema,
    $schema: undefined,
  });
}

/**
 * @param path where the text was read, for the message
 * @param key the key under which it was looked up; a record of another key is refused
 * @throws SwpError of kind `content` if the text is no whole, valid record
 */
export function parseRecord(text: string, path: string, key: string): CacheRecord {
  const value = parseJson(text, path);
  validator ??= compile();
  if (!validator(value)) {
    const problem = validator.errors![0]!;
    throw damaged(path, `${problem.instancePath || 'The record'} ${problem.message}`);
  }
  if (value.key !== key) throw damaged(path, `The record is of another key, ${value.key}`);
  return value;
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw damaged(path, text === '' ? 'The file is empty' : `The file is no JSON: ${(error as Error).message}`);
  }
}

function damaged(path: string, message: string): SwpError {
  return new SwpError({
    kind: 'content',
    path,
    message,
    remedy:
      'Run `swp repro`: it computes the node again and keeps the damaged file aside. Other records are not affected.',
  });
}

/**
 * A record: what the cache keeps per recipe key. It holds the full pre-images, so that any two keys ever recorded can
 * be compared value by value, and a checksum over all of it. Format: schemas/record.schema.json.
 */
import { SwpError } from '../base/failure.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import { readStoredText } from './stored-text.ts';
import { openSealedJson, seal } from '../base/sealed-json.ts';
import { validate as isEarlier } from '../generated/earlier-record-validator.ts';
import type { RecordFile } from '../generated/record.ts';
import { validate as isCurrent } from '../generated/record-validator.ts';

export const RECORD_VERSION = 2;

export interface RecordedArtifact {
  /** SHA-256 of the content, hexadecimal. */
  sha256: string;
  bytes: number;
  /** File name that the stage declares; its extension is kept in the cache. */
  file: string;
  /** May be evicted by garbage collection: it is made again when something asks for it. */
  evictable?: boolean;
  /** Of a virtual artifact, whose file need not be there as long as its parts are. */
  madeOf?: Composition;
  /** A file outside of the cache: only ever a part. */
  external?: true;
}

/** What a virtual artifact is made of. */
export interface Composition {
  /** How its parts make it, such as `masked-weights`. */
  form: string;
  /** The stage that declares the form. */
  stage: string;
  /** By name; a part may be virtual itself. */
  parts: Record<string, RecordedArtifact>;
  /** What the form needs besides the parts. */
  settings?: JsonObject;
}

export interface CacheRecord extends Omit<RecordFile, 'preimage' | 'contentPreimage' | 'artifacts' | 'environment'> {
  preimage: JsonObject;
  contentPreimage: JsonObject;
  artifacts: Record<string, RecordedArtifact>;
  environment: JsonObject;
}

export type UnsealedRecord = Omit<CacheRecord, 'checksum'>;

/** What lies in a cache in the place of a record. */
export type StoredRecord =
  | { kind: 'current'; record: CacheRecord }
  /** Of an earlier version of swp, which wrote no checksum. It serves nothing; it explains, and has artifacts. */
  | { kind: 'earlier'; record: UnsealedRecord }
  /** Whole, of a version that this swp does not know. */
  | { kind: 'later' };

const VALIDATORS = { current: isCurrent, earlier: isEarlier };

/** @returns the record with its checksum, and the text of its file */
export function sealRecord(record: UnsealedRecord): { record: CacheRecord; text: string } {
  const { text, checksum } = seal(record);
  return { record: { ...record, checksum }, text };
}

/**
 * @param key the key under which it is looked up; a record of another key is refused
 * @returns undefined if there is none
 * @throws SwpError of kind `content` for what is no whole, valid record; of kind `file` if the folder or the disk is at
 *   fault
 */
export function readStoredRecord(path: string, key: string): StoredRecord | undefined {
  const text = readRecordText(path);
  return text === undefined ? undefined : parseStoredRecord(text, path, key);
}

/** The text of a record's file, unchecked. Fails as `readStoredRecord` does. */
export function readRecordText(path: string): string | undefined {
  return readStoredText(path, REMEDY);
}

/**
 * @param path where the text was read, for the message
 * @param key as of `readStoredRecord`
 * @throws SwpError of kind `content` if the text is no whole, valid record
 */
export function parseStoredRecord(text: string, path: string, key: string): StoredRecord {
  const opened = openSealedJson(text);
  if (opened.kind === 'damaged') throw damaged(path, opened.message);
  const { kind, value } = opened;
  if (kind === 'whole' && isOfLaterVersion(value)) return { kind: 'later' };
  const version = kind === 'whole' ? 'current' : 'earlier';
  const validator = VALIDATORS[version];
  if (!validator(value)) {
    const problem = validator.errors![0]!;
    throw damaged(path, `${problem.instancePath || 'The record'} ${problem.message}`);
  }
  const record = value as unknown as CacheRecord;
  if (record.key !== key) throw damaged(path, `The record is of another key, ${record.key}`);
  return { kind: version, record };
}

function isOfLaterVersion(value: JsonValue): boolean {
  const version = isJsonObject(value) ? value.version : undefined;
  return typeof version === 'number' && version > RECORD_VERSION;
}

const REMEDY =
  'Run `swp repro`: it computes the node again and keeps the damaged file aside. Other records are not affected.';

function damaged(path: string, message: string): SwpError {
  return new SwpError({ kind: 'content', path, message, remedy: REMEDY });
}

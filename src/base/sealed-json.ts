/**
 * JSON files that carry a checksum of themselves as their last property: the SHA-256 of all bytes before it. So any
 * changed byte is noticed before the file is believed, and before it is parsed.
 */
import { createHash } from 'node:crypto';
import { parseBoundedJson } from './bounded-json.ts';
import type { JsonValue } from './json.ts';

const BEFORE = ',"checksum":"';
const AFTER = '"}\n';
const DIGITS = 64;
const END_LENGTH = BEFORE.length + DIGITS + AFTER.length;

/** What a text that should be sealed turns out to be. */
export type Unsealed =
  | { kind: 'whole'; value: JsonValue }
  /** JSON without a checksum, as earlier versions wrote it. */
  | { kind: 'unsealed'; value: JsonValue }
  /** `message`: what is wrong, such as "Its checksum is not that of its content". */
  | { kind: 'damaged'; message: string };

/**
 * @param value with at least one property, and none that is called `checksum`
 * @param indent spaces per level, for files that people read
 */
export function sealedJson(value: object, indent?: number): string {
  return seal(value, indent).text;
}

/** The same, with the checksum. */
export function seal(value: object, indent?: number): { text: string; checksum: string } {
  const json = JSON.stringify(value, null, indent);
  const content = json.slice(0, json.endsWith('\n}') ? -2 : -1);
  const checksum = checksumOf(content);
  return { text: content + BEFORE + checksum + AFTER, checksum };
}

export function openSealedJson(text: string): Unsealed {
  const end = text.slice(-END_LENGTH);
  const content = text.slice(0, -END_LENGTH);
  try {
    if (end === BEFORE + checksumOf(content) + AFTER) return { kind: 'whole', value: parse(text) };
    if (text === '') return { kind: 'damaged', message: 'The file is empty' };
    const value = parse(text);
    return typeof value === 'object' && value !== null && Object.hasOwn(value, 'checksum')
      ? { kind: 'damaged', message: 'Its checksum is not that of its content' }
      : { kind: 'unsealed', value };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { kind: 'damaged', message: `The file is no JSON: ${error.message}` };
  }
}

function parse(text: string): JsonValue {
  return parseBoundedJson(text) as JsonValue;
}

function checksumOf(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}

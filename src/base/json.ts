/** JSON values: what keys, records and messages are made of, and their canonical form. */
import canonicalize from 'canonicalize';

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [name: string]: JsonValue;
}

/** Of an object that has no names, and that inherits none either: "toString" is nothing but a name. */
export const NO_ENTRIES: Readonly<Record<string, never>> = Object.freeze(Object.create(null) as Record<string, never>);

/** What a record has under a name that somebody chose; what all objects inherit, such as `toString`, is none of it. */
export function entryOf<Entry>(record: Readonly<Record<string, Entry>> | undefined, name: string): Entry | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}

/** Whether a value is an object, and neither a list nor null. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** RFC 8785: properties sorted by UTF-16 code units, no white space, numbers as ECMAScript prints them. */
export function canonicalJson(value: JsonValue): string {
  return canonicalize(value)!;
}

/** JSON values: what keys, records and messages are made of, and their canonical form. */
import canonicalize from 'canonicalize';

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [name: string]: JsonValue;
}

/** Whether a value is an object, and neither a list nor null. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** RFC 8785: properties sorted by UTF-16 code units, no white space, numbers as ECMAScript prints them. */
export function canonicalJson(value: JsonValue): string {
  return canonicalize(value)!;
}

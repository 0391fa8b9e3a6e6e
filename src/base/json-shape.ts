/** Checks of values that were read from a file which others may have written: cheap ones that explain nothing. */
import { isJsonObject, type JsonValue } from './json.ts';

export type ShapeCheck = (value: JsonValue | undefined) => boolean;

export const isText: ShapeCheck = (value) => typeof value === 'string';
export const isFlag: ShapeCheck = (value) => typeof value === 'boolean';
/** 1e999 is JSON, too. */
export const isNumber: ShapeCheck = (value) => Number.isFinite(value);

/** Texts that match as a whole. */
export const textLike =
  (pattern: RegExp): ShapeCheck =>
  (value) =>
    typeof value === 'string' && pattern.test(value);

/** A whole number from 0 on, smaller than the bound. */
export const indexBelow =
  (bound: number): ShapeCheck =>
  (value) =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) < bound;

export const optional =
  (check: ShapeCheck): ShapeCheck =>
  (value) =>
    value === undefined || check(value);

export const oneOf =
  (...words: string[]): ShapeCheck =>
  (value) =>
    words.includes(value as string);

export const anyOf =
  (...checks: ShapeCheck[]): ShapeCheck =>
  (value) =>
    checks.some((check) => check(value));

export const listOf =
  (check: ShapeCheck): ShapeCheck =>
  (value) =>
    Array.isArray(value) && value.every(check);

/** An object with these properties, and perhaps others. */
export const objectOf =
  (checks: Record<string, ShapeCheck>): ShapeCheck =>
  (value) =>
    isJsonObject(value) && Object.entries(checks).every(([name, check]) => check(own(value, name)));

/** An object that has nothing but such values. */
export const recordOf =
  (check: ShapeCheck): ShapeCheck =>
  (value) =>
    isJsonObject(value) && Object.values(value).every(check);

/** What objects of JSON inherit, such as `constructor`, is in no file. */
function own(value: Record<string, JsonValue | undefined>, name: string): JsonValue | undefined {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

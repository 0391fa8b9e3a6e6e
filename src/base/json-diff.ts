/** Finds where two JSON values differ. */
import { entryOf, isJsonObject, type JsonValue } from './json.ts';

export interface Difference {
  /** E.g. `params.learningRate` or `inputs.weights.key`. */
  path: string;
  /** Undefined where there was none. */
  before: JsonValue | undefined;
  /** Undefined where there is none now. */
  after: JsonValue | undefined;
}

/** @returns the differing leaves, in the order of the first value, then of the second */
export function differences(before: JsonValue | undefined, after: JsonValue | undefined, path = ''): Difference[] {
  if (isJsonObject(before) && isJsonObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) =>
      differences(entryOf(before, name), entryOf(after, name), path === '' ? name : `${path}.${name}`),
    );
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, index) => differences(before[index], after[index], `${path}[${index}]`)).flat();
  }
  return equal(before, after) ? [] : [{ path, before, after }];
}

function equal(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  return Object.is(a, b) || JSON.stringify(a) === JSON.stringify(b);
}

/**
 * Mistakes in a JSON file, at their places: what a schema says of it in words, and all mistakes together, in the order
 * of the file.
 */
import type { ErrorObject } from 'ajv';
import { SwpError, type Failure } from './failure.ts';
import type { JsonValue } from './json.ts';
import { pathOf, type JsonPath, type JsonSource, type Mark, type Place } from './json-source.ts';
import { listNames, nearestName, quoted } from './nearest-name.ts';

type StudyFailure = Extract<Failure, { kind: 'study' }>;

/** What ajv compiles of a schema, at run time or in the build (build/validators.js). */
export interface Validator<Value = unknown> {
  (value: unknown): value is Value;
  errors?: ErrorObject[] | null;
}

export interface Mistake {
  /** The place in the file. */
  path: JsonPath;
  mark?: Mark;
  message: string;
  /** Where it takes some time to say it: a function, which is called if the mistake is shown. */
  expected?: string | undefined | (() => string | undefined);
  suggestion?: string | undefined | (() => string | undefined);
}

export type FoundMistake = Pick<Mistake, 'message' | 'expected' | 'suggestion'> & { place: Place };

/** More than these are not shown at once. */
const SHOWN_MISTAKES = 10;

/** @throws SwpError of kind `study` or `several` with the mistakes, in the order of the file, if there are any */
export function throwMistakes(found: readonly FoundMistake[]): void {
  const distinct = new Map<number, FoundMistake>();
  for (const mistake of found) {
    const { offset } = mistake.place;
    if (!distinct.has(offset)) distinct.set(offset, mistake); // a second one mostly follows from the first
  }
  const failures = [...distinct.values()]
    .sort((a, b) => a.place.offset - b.place.offset)
    .slice(0, SHOWN_MISTAKES)
    .map(({ place, message, expected, suggestion }): StudyFailure => ({
      kind: 'study',
      at: place.locate(),
      message,
      expected: said(expected),
      suggestion: said(suggestion),
    }));
  const first = failures[0];
  if (first === undefined) return;
  if (failures.length === 1) throw new SwpError(first);
  throw new SwpError({ kind: 'several', failures, more: distinct.size - failures.length });
}

/** The same of mistakes by their paths in a file. */
export function throwMistakesIn(source: JsonSource, mistakes: readonly Mistake[]): void {
  throwMistakes(mistakes.map(({ path, mark, ...said }) => ({ ...said, place: source.at(path, mark) })));
}

function said(text: Mistake['expected']): string | undefined {
  return typeof text === 'function' ? text() : text;
}

/**
 * All errors of ajv in words. What a mistyped name leaves missing is not said a second time.
 * @param ofUnknown says of a name that is not known more than the schema does
 */
export function schemaMistakes(
  errors: readonly ErrorObject[],
  checked: JsonValue,
  ofUnknown: (name: string) => Pick<Mistake, 'message' | 'suggestion'> | undefined = () => undefined,
): Mistake[] {
  const said = errors.map((error) => {
    const mistake = schemaMistake(error, checked);
    const { additionalProperty: unknown } = error.params as { additionalProperty?: string };
    return { error, mistake: mistake && { ...mistake, ...(unknown !== undefined && ofUnknown(unknown)) } };
  });
  const placeOf = (path: string, name: unknown) => JSON.stringify([path, name]);
  const meant = new Set(
    said.flatMap(({ error, mistake }) =>
      error.keyword === 'additionalProperties' && mistake?.suggestion !== undefined
        ? [placeOf(error.instancePath, mistake.suggestion)]
        : [],
    ),
  );
  const isMeant = ({ keyword, instancePath, params }: ErrorObject) =>
    keyword === 'required' && meant.has(placeOf(instancePath, params.missingProperty));
  return said.flatMap(({ error, mistake }) => (mistake === undefined || isMeant(error) ? [] : [mistake]));
}

/**
 * One error of ajv (options `allErrors` and `verbose`) in words; undefined for those that only repeat another one.
 * @param checked the value that was checked
 */
export function schemaMistake(error: ErrorObject, checked: JsonValue): Mistake | undefined {
  const path = pathOf(error.instancePath, checked);
  const schema = (error.parentSchema ?? {}) as Record<string, unknown>;
  const params = error.params as Record<string, unknown>;
  const found = short(error.data);
  if (error.propertyName !== undefined && error.keyword !== 'propertyNames') return undefined;
  switch (error.keyword) {
    case 'if':
      return undefined;
    case 'propertyNames': {
      const name = String(params.propertyName);
      return {
        path: [...path, name],
        mark: 'key',
        message: `${short(name)} cannot be a name.`,
        expected: NAME_RULE,
      };
    }
    case 'additionalProperties': {
      const name = String(params.additionalProperty);
      const known = Object.keys((schema.properties as object | undefined) ?? {});
      return {
        path: [...path, name],
        mark: 'key',
        message: `${short(name)} is not known here.`,
        expected: listNames(known),
        suggestion: nearestName(name, known),
      };
    }
    case 'required': {
      const name = String(params.missingProperty);
      const property = ((schema.properties as Record<string, object> | undefined) ?? {})[name] ?? {};
      const what = descriptionOf(property);
      return {
        path,
        mark: 'start',
        message: `${short(name)} is missing.`,
        expected: `"${name}"${what ? `: ${what}` : ''}`,
      };
    }
    case 'enum': {
      const allowed = params.allowedValues as unknown[];
      const names = allowed.filter((value) => typeof value === 'string');
      return {
        path,
        message: `${found} is not possible here.`,
        expected: listNames(allowed),
        suggestion: typeof error.data === 'string' ? nearestName(error.data, names) : undefined,
      };
    }
    case 'uniqueItems':
      return { path: [...path, Number(params.i)], message: 'This is in the list twice.', expected: 'each entry once' };
    case 'minItems':
    case 'maxItems': {
      const { length } = error.data as unknown[];
      const message = `A list of ${length} ${length === 1 ? 'entry' : 'entries'} is not possible here.`;
      return { path, message, expected: expectation(schema) };
    }
    default:
      return { path, message: `${found} is not possible here.`, expected: expectation(schema) };
  }
}

/** What names in studies and manifests are, as the schemas write it, and in words. */
export const NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$';
export const NAME_RULE = "letters, digits, '.', '_' and '-', beginning with a letter or digit, 80 at most";

/** What paths and texts of one line are, as the schemas write it. */
const LINE_PATTERN = '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$';

/** What a schema asks for, in words. */
function expectation(schema: Record<string, unknown>): string {
  const words: string[] = [];
  const types = [schema.type ?? []].flat() as string[];
  if (schema.pattern === NAME_PATTERN) words.push(NAME_RULE);
  else if (types.length > 0) words.push(types.map((type) => TYPE_NAMES[type] ?? type).join(' or '));
  if (typeof schema.minimum === 'number') words.push(`at least ${schema.minimum}`);
  if (typeof schema.exclusiveMinimum === 'number') words.push(`more than ${schema.exclusiveMinimum}`);
  if (typeof schema.maximum === 'number') words.push(`at most ${schema.maximum}`);
  if (typeof schema.exclusiveMaximum === 'number') words.push(`less than ${schema.exclusiveMaximum}`);
  if (typeof schema.multipleOf === 'number') words.push(`a multiple of ${schema.multipleOf}`);
  if (schema.pattern === LINE_PATTERN) words.push('on one line and without control characters');
  if (typeof schema.minLength === 'number') words.push(`with ${schema.minLength} or more characters`);
  if (typeof schema.maxLength === 'number') words.push(`with no more than ${schema.maxLength} characters`);
  if (typeof schema.minItems === 'number') words.push(`with ${schema.minItems} or more entries`);
  if (typeof schema.maxItems === 'number') words.push(`with no more than ${schema.maxItems} entries`);
  if (typeof schema.minProperties === 'number') words.push(`with ${schema.minProperties} or more entries`);
  if (typeof schema.maxProperties === 'number') words.push(`with no more than ${schema.maxProperties} entries`);
  const own = descriptionOf(schema);
  const description = own?.toLowerCase() === NAME_RULE ? undefined : own;
  return words.join(', ') + (description ? `${words.length > 0 ? ': ' : ''}${description}` : '');
}

const TYPE_NAMES: Record<string, string> = {
  string: 'a string',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'a list [...]',
  object: 'an object {...}',
  null: 'null',
};

function descriptionOf(schema: object): string | undefined {
  const { description } = schema as { description?: unknown };
  return typeof description === 'string' ? description.replace(/\.$/, '') : undefined;
}

function short(value: unknown): string {
  if (Array.isArray(value)) return 'A list';
  if (typeof value === 'object' && value !== null) return 'An object';
  return typeof value === 'string' ? quoted(value) : JSON.stringify(value);
}

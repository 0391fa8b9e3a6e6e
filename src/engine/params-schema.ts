/** What is wrong with the JSON Schema that a manifest gives for the parameters of its stage. */
import { Ajv } from 'ajv';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import { schemaMistakes, type Mistake } from '../base/json-mistakes.ts';
import type { JsonPath } from '../base/json-source.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';

const TYPES = ['string', 'number', 'integer', 'boolean', 'array', 'object', 'null'];
/** What a parameter's "unit" may be; without one it is a plain value. */
const UNITS = ['steps', 'seed', 'model'];
/** Ajv brings it along: the schema of schemas. */
const META_SCHEMA = 'http://json-schema.org/draft-07/schema';
const ajv = new Ajv({ allErrors: true, verbose: true, strict: false });
const isSchema = ajv.getSchema(META_SCHEMA)!;
const KEYWORDS = [...Object.keys((isSchema.schema as { properties: object }).properties), 'unit'];
/** Keywords whose value is a schema, a list of schemas, or schemas by name. */
const SCHEMA = [
  'additionalItems',
  'additionalProperties',
  'items',
  'contains',
  'propertyNames',
  'not',
  'if',
  'then',
  'else',
];
const LIST = ['items', 'allOf', 'anyOf', 'oneOf'];
const BY_NAME = ['properties', 'patternProperties', 'definitions', 'dependencies'];

/**
 * @param params the schema, as the manifest has it under "params"
 * @returns mistakes with their paths in the manifest
 */
export function paramsMistakes(params: JsonObject): Mistake[] {
  const base: JsonPath = ['params'];
  const keywords = unknownKeywords(params, base);
  if (keywords.length > 0) return keywords;
  if (!isSchema(params)) {
    const said = schemaMistakes(isSchema.errors!, params).map((mistake) => ({
      ...mistake,
      ...(mistake.path.at(-1) === 'type' && { expected: listNames(TYPES) }),
      path: [...base, ...mistake.path],
    }));
    // A keyword that takes one of several forms has an error for each: the last one is about all of them.
    return [...new Map(said.map((mistake) => [JSON.stringify(mistake.path), mistake])).values()];
  }
  return [...problemsOfUse(params)].map((mistake) => ({ ...mistake, path: [...base, ...mistake.path] }));
}

/** Mistyped keywords, which JSON Schema would ignore; and parameters that stand where keywords belong. */
function unknownKeywords(schema: JsonObject, path: JsonPath): Mistake[] {
  const own = Object.keys(schema).flatMap((name): Mistake[] => {
    if (KEYWORDS.includes(name)) return [];
    const suggestion = nearestName(name, KEYWORDS);
    const isTop = path.length === 1;
    if (suggestion === undefined && !(isTop && schema.properties === undefined)) return [];
    return [
      {
        path: [...path, name],
        mark: 'key',
        message: `${quoted(name)} is no keyword of JSON Schema.`,
        expected: isTop
          ? `parameters under "properties": { "properties": { ${quoted(suggestion === undefined ? name : 'NAME')}: { "type": ... } } }`
          : `a keyword such as "type", "default", "enum", "minimum" or "description"`,
        suggestion,
      },
    ];
  });
  const inside = (value: JsonValue | undefined, at: JsonPath): Mistake[] =>
    isJsonObject(value) ? unknownKeywords(value, [...path, ...at]) : [];
  return [
    ...own,
    ...SCHEMA.flatMap((name) => inside(schema[name], [name])),
    ...LIST.flatMap((name) => {
      const list = schema[name];
      return Array.isArray(list) ? list.flatMap((each, index) => inside(each, [name, index])) : [];
    }),
    ...BY_NAME.flatMap((name) => {
      const named = schema[name];
      return isJsonObject(named) ? Object.entries(named).flatMap(([key, each]) => inside(each, [name, key])) : [];
    }),
  ];
}

/** A study could never give a parameter that is required and is none. */
function* unknownRequired({ properties, patternProperties, required }: JsonObject): Generator<Mistake> {
  if (patternProperties !== undefined || !Array.isArray(required)) return;
  const names = Object.keys(isJsonObject(properties) ? properties : {});
  for (const [index, name] of required.entries())
    if (typeof name === 'string' && !names.includes(name))
      yield {
        path: ['required', index],
        message: `${quoted(name)} is required, and "properties" has no such parameter.`,
        expected: names.length > 0 ? listNames(names) : 'parameters under "properties"',
        suggestion: nearestName(name, names),
      };
}

/** Of a valid schema: what parameters of a stage cannot be. */
function* problemsOfUse(params: JsonObject): Generator<Mistake> {
  if (params.type !== undefined && params.type !== 'object')
    return yield { path: ['type'], message: 'Parameters are an object.', expected: '"type": "object"' };
  yield* unknownRequired(params);
  for (const [name, schema] of Object.entries(isJsonObject(params.properties) ? params.properties : {})) {
    if (!isJsonObject(schema)) continue;
    const path: JsonPath = ['properties', name];
    if (schema.unit !== undefined && !UNITS.includes(schema.unit as string))
      yield {
        path: [...path, 'unit'],
        message: `${JSON.stringify(schema.unit)} is no unit of parameters.`,
        expected: listNames(UNITS),
        suggestion: nearestName(String(schema.unit), UNITS),
      };
    try {
      const fits = ajv.compile({ ...params, $id: undefined, required: [] });
      if (schema.default !== undefined && !fits({ [name]: schema.default }))
        yield {
          path: [...path, 'default'],
          message: `The default of "${name}" does not fit its own schema: it ${fits.errors!.find(({ instancePath }) => instancePath !== '')?.message ?? fits.errors![0]!.message}.`,
        };
    } catch (error) {
      yield {
        path: ['properties'],
        message: `This schema cannot be used: ${(error as Error).message.split('\n')[0]}.`,
      };
      return;
    }
  }
}

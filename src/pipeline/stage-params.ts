/**
 * What a stage's parameter schema says: which parameters there are, their units and defaults, and whether values fit.
 */
import { compileSchema, EXPLAINED } from '../base/compile-schema.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import type { Validator } from '../base/json-mistakes.ts';
import type { StageDefinition } from '../engine/stage.ts';
import type { Diagnostics } from './diagnostics.ts';
import type { JsonPath } from '../base/json-source.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';

/**
 * steps: counted in training steps, so `scaleSteps` applies. seed: defaults to the run's seed.
 * model, corpus: defaults to the experiment's, above the schema's own default.
 * study: filled with the study's declaration, never set by hand.
 */
export type ParamUnit = 'steps' | 'seed' | 'model' | 'corpus' | 'study';

export interface ParamSchema {
  unit?: ParamUnit;
  default?: JsonValue;
  /** The default of a model with so many parameters that it is a large one, where that is another. */
  defaultOfLarge?: JsonValue;
  enum?: JsonValue[];
  description?: string;
}

interface ParamsSchema {
  properties?: Record<string, ParamSchema>;
  required?: string[];
}

/** By the stage's schema. */
const validators = new WeakMap<object, Validator>();
const schemas = new WeakMap<object, Map<string, ParamSchema>>();

/** The parameters that a stage declares, by name. */
export function paramSchemas(stage: StageDefinition): ReadonlyMap<string, ParamSchema> {
  let declared = schemas.get(stage.params);
  if (declared === undefined) {
    declared = new Map(Object.entries((stage.params as ParamsSchema).properties ?? {}));
    schemas.set(stage.params, declared);
  }
  return declared;
}

/** What a parameter is that nobody sets, if its schema says it. */
export function defaultOf({ default: plain, defaultOfLarge }: ParamSchema, isLarge: boolean): JsonValue | undefined {
  return isLarge ? (defaultOfLarge ?? plain) : plain;
}

/** The parameters without which the stage cannot run. */
export function requiredParams(stage: StageDefinition): string[] {
  return (stage.params as ParamsSchema).required ?? [];
}

/**
 * Checks some of a stage's parameters, given at `path` in the file. Missing ones are no mistake here: others may set
 * them.
 */
export function checkParams(
  stage: StageDefinition,
  params: JsonObject,
  path: JsonPath,
  diagnostics: Diagnostics,
): void {
  for (const [name, value] of Object.entries(params))
    if (checkParamName(stage, name, [...path, name], 'key', diagnostics))
      checkValue(stage, name, value, [...path, name], diagnostics);
}

/** Checks one value, given at `path` in the file, of a parameter that the stage declares. */
export function checkValue(
  stage: StageDefinition,
  name: string,
  value: JsonValue,
  path: JsonPath,
  diagnostics: Diagnostics,
): void {
  const validate = validatorOf(stage);
  if (validate({ [name]: value })) return;
  const errors = (validate.errors ?? []).map((error) => ({
    ...error,
    instancePath: error.instancePath.replace(/^\/[^/]*/, ''),
  }));
  diagnostics.addSchemaErrors(errors, value, path);
}

/** Checks that a parameter exists and may be set. */
export function checkParamName(
  stage: StageDefinition,
  name: string,
  path: JsonPath,
  mark: 'value' | 'key',
  diagnostics: Diagnostics,
): boolean {
  if (stage.isUnknown) return true;
  const declared = paramSchemas(stage);
  const schema = declared.get(name);
  const settable = [...declared].filter(([, { unit }]) => unit !== 'study').map(([known]) => known);
  if (schema === undefined) {
    diagnostics.add({
      path,
      mark,
      message: `${stage.name} has no parameter ${quoted(name)}.`,
      expected: settable.length > 0 ? listNames(settable, 24) : `none: ${stage.name} has no parameters to set`,
      suggestion: nearestName(name, settable),
    });
    return false;
  }
  if (schema.unit === 'study') {
    diagnostics.add({
      path,
      mark,
      message: `${quoted(name)} cannot be set.`,
      expected: 'nothing: swp fills in the declared study',
    });
    return false;
  }
  return true;
}

/** Validates known parameters one by one: the schema without `required`. */
function validatorOf(stage: StageDefinition): Validator {
  let validate = validators.get(stage.params);
  if (validate === undefined) {
    // `unit` is a keyword of ours; a schema of a user's own stage may have others.
    validate = compileSchema(checkedParams(stage.params), EXPLAINED);
    validators.set(stage.params, validate);
  }
  return validate;
}

/** The schema without what only whole sets of parameters have to fit. */
export function checkedParams(params: object): object {
  return { ...params, $id: undefined, required: [] };
}

/** Reads the manifest of a stage that is a program, stages/NAME.stage.json, and checks it by its schema. */
import { readFileSync } from 'node:fs';
import { Ajv, type ErrorObject } from 'ajv';
import schema from '../../schemas/stage-manifest.schema.json' with { type: 'json' };
import { SwpError, type Failure } from '../base/failure.ts';
import { fileFailure } from '../base/file-failure.ts';
import type { JsonValue } from '../base/json.ts';
import { displayPath, JsonSource, pathOf } from '../base/json-source.ts';
import { listNames, nearestName } from '../base/nearest-name.ts';
import type { StageManifest } from '../generated/stage-manifest.ts';

export interface ReadManifest {
  manifest: StageManifest;
  /** Where everything in it stands. */
  source: JsonSource;
}

const REMEDY = 'docs/stages.md says what a manifest holds';

/**
 * @param name of the stage, which the file's name says
 * @throws SwpError of kind `file`, and of kind `study` or `several` with the places of what is wrong in it
 */
export function readManifest(path: string, name: string): ReadManifest {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw fileFailure(error, path, 'read', 'It describes a stage of the study. Make it readable.');
  }
  const source = new JsonSource(displayPath(path), text);
  throwAny(source.mistakes.map(({ place, ...mistake }) => ({ ...mistake, kind: 'study', at: place.locate() })));
  const manifest = JSON.parse(JSON.stringify(source.value)) as JsonValue; // its objects have no prototype
  const validate = new Ajv({ allErrors: true, verbose: true, validateSchema: false }).compile<StageManifest>(schema);
  if (!validate(manifest)) {
    throwAny(validate.errors!.map((error) => mistake(error, manifest, source)));
    throw new Error('A manifest does not fit its schema, for no reason.');
  }
  if (manifest.name !== name)
    throw new SwpError({
      kind: 'study',
      at: source.at(['name']).locate(),
      message: `It describes a stage "${manifest.name}"; the file's name says "${name}".`,
      expected: 'one name for both',
    });
  return { manifest, source };
}

function mistake(error: ErrorObject, manifest: JsonValue, source: JsonSource): Failure {
  const path = pathOf(error.instancePath, manifest);
  const { additionalProperty, missingProperty } = error.params as Record<string, unknown>;
  if (typeof additionalProperty === 'string') {
    const known = Object.keys((error.parentSchema as { properties?: object }).properties ?? {});
    const suggestion = nearestName(additionalProperty, known);
    return {
      kind: 'study',
      at: source.at([...path, additionalProperty], 'key').locate(),
      message: `${JSON.stringify(additionalProperty)} is not known here.`,
      expected: listNames(known),
      ...(suggestion !== undefined && { suggestion }),
    };
  }
  if (typeof missingProperty === 'string')
    return {
      kind: 'study',
      at: source.at(path, 'start').locate(),
      message: `"${missingProperty}" is missing.`,
      expected: `"${missingProperty}"; ${REMEDY}`,
    };
  return {
    kind: 'study',
    at: source.at(path).locate(),
    message: `This ${error.message ?? 'is wrong'}.`,
    expected: `what the schema says; ${REMEDY}`,
  };
}

function throwAny(failures: readonly Failure[]): void {
  const [first, ...others] = failures;
  if (first === undefined) return;
  throw new SwpError(others.length === 0 ? first : { kind: 'several', failures: [first, ...others], more: 0 });
}

/** Reads the manifest of a stage that is a program, stages/NAME.stage.json, and checks it by its schema. */
import { readFileSync } from 'node:fs';
import schema from '../../schemas/stage-manifest.schema.json' with { type: 'json' };
import { compileSchema } from '../base/compile-schema.ts';
import { fileFailure, refuseOddFile } from '../base/file-failure.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import { schemaMistakes, throwMistakes, throwMistakesIn, type Mistake } from '../base/json-mistakes.ts';
import { displayPath, JsonSource } from '../base/json-source.ts';
import { paramsMistakes } from './params-schema.ts';
import type { StageManifest } from '../generated/stage-manifest.ts';

export interface ReadManifest {
  manifest: StageManifest;
  /** Where everything in it stands. */
  source: JsonSource;
}

const REMEDY = 'It describes a stage of the study. Make it readable.';

/**
 * @param name of the stage, which the file's name says
 * @throws SwpError of kind `file`, and of kind `study` or `several` with the places of what is wrong in it
 */
export function readManifest(path: string, name: string): ReadManifest {
  let text: Uint8Array;
  try {
    refuseOddFile(path, REMEDY);
    text = readFileSync(path);
  } catch (error) {
    throw fileFailure(error, path, 'read', REMEDY);
  }
  const source = new JsonSource(displayPath(path), text);
  throwMistakes(source.mistakes);
  const manifest = JSON.parse(JSON.stringify(source.value)) as JsonValue; // its objects have no prototype
  const validate = compileSchema<StageManifest>(schema, { allErrors: true, verbose: true, validateSchema: false });
  if (!validate(manifest)) {
    throwMistakesIn(source, schemaMistakes(validate.errors!, manifest));
    throw new Error('A manifest does not fit its schema, for no reason.');
  }
  throwMistakesIn(source, [
    ...nameMistakes(manifest, name),
    ...fileMistakes(manifest),
    ...paramsMistakes((manifest.params ?? {}) as JsonObject),
  ]);
  return { manifest, source };
}

function nameMistakes(manifest: StageManifest, name: string): Mistake[] {
  if (manifest.name === name) return [];
  const message = `It describes a stage "${manifest.name}"; the file's name says "${name}".`;
  return [{ path: ['name'], message, expected: 'one name for both' }];
}

/** All outputs are written into one folder. */
function fileMistakes({ outputs }: StageManifest): Mistake[] {
  const files = Object.entries(outputs).map(([output, { file }]) => ({ output, file }));
  return files.flatMap(({ output, file }, index): Mistake[] => {
    const other = files.slice(0, index).find((earlier) => earlier.file === file);
    if (other === undefined) return [];
    const message = `The outputs "${other.output}" and "${output}" have the same file.`;
    return [{ path: ['outputs', output, 'file'], message, expected: 'a file for each' }];
  });
}

/**
 * The schema of pipeline.json as one file, to lie beside a study. Only a copy there is found by every editor: a path
 * into node_modules is none where swp is installed globally or not at all, such as with somebody who has cloned the
 * study, and a URL of the file is that of one machine.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Failure } from '../base/failure.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import { displayPath } from '../base/json-source.ts';
import { packageRoot, packageVersion } from '../base/package-root.ts';

/** Beside pipeline.json, whose `$schema` names it. */
export const SCHEMA_FILE = 'pipeline.schema.json';

/** The schemas of the stages are among its definitions. */
export function studySchemaText(): string {
  const folder = join(packageRoot, 'schemas');
  const read = (...path: string[]) => JSON.parse(readFileSync(join(folder, ...path), 'utf8')) as JsonObject;
  const schema = read(SCHEMA_FILE);
  const stages = readdirSync(join(folder, 'stages')).filter((file) => file.endsWith('.schema.json'));
  const definitions = Object.fromEntries(
    stages.sort().map((file) => [`stages/${file}`, without(read('stages', file), '$schema')]),
  );
  const whole = {
    ...schema,
    $comment: `${WRITTEN_BY} ${packageVersion()}; swp init --schema writes it anew.`,
    definitions: { ...(inOneFile(schema.definitions!) as JsonObject), ...definitions },
    properties: inOneFile(schema.properties!),
  };
  return `${JSON.stringify(whole, null, 1)}\n`;
}

const WRITTEN_BY = 'Written by swp';
/** A larger one is none that was written here. */
const MAXIMUM_BYTES = 1_000_000;

/** A warning if the schema beside a study is that of another version of swp, by which editors would check it. */
export function schemaWarnings(root: string): Failure[] {
  const path = join(root, SCHEMA_FILE);
  const text = textOf(path);
  if (text === undefined || !text.includes(`"$comment": "${WRITTEN_BY} `) || text === studySchemaText()) return [];
  return [
    {
      kind: 'content',
      path: displayPath(path),
      message: 'Editors check the study by the schema of another version of swp',
      remedy: 'swp init --schema writes it anew.',
    },
  ];
}

function textOf(path: string): string | undefined {
  try {
    const found = statSync(path);
    return found.isFile() && found.size <= MAXIMUM_BYTES ? readFileSync(path, 'utf8') : undefined;
  } catch {
    return undefined; // swp itself does without
  }
}

/** `stages/train.schema.json#/properties/steps` -> `#/definitions/stages~1train.schema.json/properties/steps` */
function inOneFile(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(inOneFile);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => {
      const stage = name === '$ref' ? /^(stages\/[^#]+)(?:#(.*))?$/.exec(String(part)) : null;
      if (stage === null) return [name, inOneFile(part!)];
      return [name, `#/definitions/${stage[1]!.replaceAll('/', '~1')}${stage[2] ?? ''}`];
    }),
  );
}

function without(object: JsonObject, name: string): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([each]) => each !== name));
}

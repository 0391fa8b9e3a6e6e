/** Reads pipeline.json and checks its shape by schemas/pipeline.schema.json; what it says is checked in study.ts. */
import { open } from 'node:fs/promises';
import { fileFailure } from '../base/file-failure.ts';
import { isJsonObject, type JsonValue } from '../base/json.ts';
import type { PipelineFile } from '../generated/pipeline.ts';
import { validate as explainer } from '../generated/study-explainer.ts';
import { validate as validator } from '../generated/study-validator.ts';
import { Diagnostics } from './diagnostics.ts';
import { inheritExperiments } from './inheritance.ts';
import { displayPath, JsonSource, MAXIMUM_LENGTH } from '../base/json-source.ts';
import { expandTemplates } from './matrix.ts';
import { writeOutDag } from './standard-dag.ts';

export interface StudyFile {
  /** Absolute. */
  path: string;
  /** As it was read. */
  text: string;
  content: PipelineFile;
  /** Collects the mistakes that are found later, at their places in the file. */
  diagnostics: Diagnostics;
}

/** Of a longer text only the first mistake of its shape is shown: there may be as many as there are values. */
const EXPLAINED_LENGTH = 1_000_000;

/**
 * @param path absolute
 * @throws SwpError kind `file` if it cannot be read, `study` or `several` if its shape is wrong
 */
export async function readStudyFile(path: string): Promise<StudyFile> {
  const content = await readBytes(path).catch((error: NodeJS.ErrnoException) => {
    const remedy =
      error.code === 'ENOENT' ? 'Name the study with --pipeline FILE.' : 'Check the path and its permissions.';
    throw fileFailure(error, displayPath(path), 'read', remedy);
  });
  return parseStudyFile(path, content);
}

/** No more of it than shows that it is too long: the file may be a device without an end. */
async function readBytes(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const parts: Buffer[] = [];
    // A character takes three bytes at most for each of its UTF-16 units.
    for (let length = 0; length <= 3 * MAXIMUM_LENGTH;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(65_536), 0, 65_536, null);
      if (bytesRead === 0) break;
      parts.push(buffer.subarray(0, bytesRead));
      length += bytesRead;
    }
    return Buffer.concat(parts);
  } finally {
    await file.close();
  }
}

/** The same for what such a file holds. */
export function parseStudyFile(path: string, text: string | Uint8Array): StudyFile {
  const source = new JsonSource(displayPath(path), text);
  const diagnostics = new Diagnostics(source);
  diagnostics.throwIfAny();
  const content = expand(source.value, diagnostics);
  diagnostics.throwIfAny(); // a template that cannot be written out would be reported a second time
  if (!validator(content)) {
    let { errors } = validator;
    if (text.length <= EXPLAINED_LENGTH) {
      explainer(content);
      ({ errors } = explainer);
    }
    diagnostics.addSchemaErrors(errors ?? [], content);
    if (diagnostics.empty) throw new Error('A study does not fit its schema, for no reason.');
  }
  diagnostics.throwIfAny();
  const checked = content as unknown as PipelineFile;
  const dag = writeOutDag(checked.dag, diagnostics, declaresText(checked));
  diagnostics.throwIfAny(); // a step that is added nowhere would be reported a second time
  const read = typeof text === 'string' ? text : Buffer.from(text).toString('utf8');
  return { path, text: read, content: { ...checked, dag }, diagnostics };
}

/** Whether a corpus is declared for any experiment of any profile. */
function declaresText({ defaults, profiles, experiments }: PipelineFile): boolean {
  const declaring = [defaults, ...Object.values(profiles ?? {}), ...Object.values(experiments)];
  return declaring.some((each) => (each?.corpus ?? null) !== null);
}

/** Writes templates out and fills in what is inherited; what is wrong with the rest is found afterwards. */
function expand(value: JsonValue, diagnostics: Diagnostics): JsonValue {
  return isJsonObject(value) ? inheritExperiments(expandTemplates(value, diagnostics), diagnostics) : value;
}

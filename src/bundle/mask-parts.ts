/** What of a study's results follows from masks: of a bundle without masks it is taken over as it is. */
import { readFile } from 'node:fs/promises';
import { parseBoundedJson } from '../base/bounded-json.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import { readJsonArtifact, writeJsonArtifact } from '../base/json-artifact.ts';

/**
 * Puts the parts that follow from masks into results that were made again without them, so that all else is compared as
 * ever. Where the bundled results have no such part, or are none, nothing is put in and the comparison finds it.
 * @param from path of the bundled results
 * @param into path of those that were made again
 */
export async function takeMaskParts(from: string, into: string): Promise<void> {
  const made = await readJsonArtifact<JsonObject>(into);
  try {
    const bundled = parseBoundedJson(await readFile(from, 'utf8')) as JsonValue;
    for (const name of ['masks', 'recovery']) takePart(bundled, made, name);
    for (const [ours, theirs] of differencesOf(made, bundled)) takePart(theirs, ours, 'masks');
    await writeJsonArtifact(into, made);
  } catch {
    // What cannot be read, or says infinite numbers, is not what a stage has written.
  }
}

/** Differences between arms, by their places: those made again, and what stands there in the bundle. */
function differencesOf(made: JsonObject, bundled: JsonValue): [JsonValue, JsonValue | undefined][] {
  return listIn(made, 'comparisons').flatMap((comparison, at) =>
    listIn(comparison, 'differences').map((difference, place): [JsonValue, JsonValue | undefined] => [
      difference,
      listIn(listIn(bundled, 'comparisons')[at], 'differences')[place],
    ]),
  );
}

function listIn(value: JsonValue | undefined, name: string): JsonValue[] {
  const list = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return Array.isArray(list) ? list : [];
}

function takePart(from: JsonValue | undefined, into: JsonValue, name: string): void {
  if (isJsonObject(from) && isJsonObject(into) && Object.hasOwn(from, name)) into[name] = from[name]!;
}

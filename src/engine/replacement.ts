/** A stage that stands in the place of one of swp's: its manifest has to declare what that one does. */
import { throwMistakesIn, type Mistake } from '../base/json-mistakes.ts';
import type { JsonSource } from '../base/json-source.ts';
import { listed } from '../base/listed.ts';
import { listNames, nearestName } from '../base/nearest-name.ts';
import type { StageManifest } from '../generated/stage-manifest.ts';
import type { StageDefinition } from './stage.ts';

/**
 * @param replaceable the stages that can be replaced
 * @throws SwpError of kind `study` or `several` with the places in the manifest
 */
export function refuseReplacement(
  manifest: StageManifest,
  source: JsonSource,
  replaceable: readonly StageDefinition[],
): void {
  const { replaces = '', inputs = {}, outputs } = manifest;
  const names = replaceable.map(({ name }) => name);
  const replaced = replaceable.find(({ name }) => name === replaces);
  if (replaced === undefined)
    return throwMistakesIn(source, [
      {
        path: ['replaces'],
        message: `${JSON.stringify(replaces)} is no stage that can be replaced.`,
        expected: listNames(names),
        suggestion: nearestName(replaces, names),
      },
    ]);
  const missing = (list: 'inputs' | 'outputs', needed: readonly string[], given: object): Mistake[] =>
    needed
      .filter((name) => !Object.hasOwn(given, name))
      .slice(0, 1)
      .map((name) => ({
        path: [list],
        mark: 'key',
        message: `"${replaces}" has the ${list.slice(0, -1)} "${name}", and this stage does not.`,
        expected: `the ${list} ${listed(needed)}`,
        suggestion: nearestName(
          name,
          Object.keys(given).filter((each) => !needed.includes(each)),
        ),
      }));
  throwMistakesIn(source, [
    ...missing('inputs', replaced.replaceable!.inputs, inputs),
    ...missing('outputs', Object.keys(replaced.outputs), outputs),
  ]);
}

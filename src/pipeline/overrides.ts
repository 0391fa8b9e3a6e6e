/** Checks what a command gives to a parameter of every stage that declares it, such as --device. */
import { SwpError } from '../base/failure.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import type { StageDefinition } from '../engine/stage.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';
import { paramSchemas } from './stage-params.ts';

/**
 * @throws SwpError of kind `usage` for a parameter that no stage declares, or a value that one of them does not take
 */
export function checkOverrides(overrides: JsonObject, stages: ReadonlyMap<string, StageDefinition>): void {
  for (const [name, value] of Object.entries(overrides)) {
    const declaring = [...stages.values()].flatMap((stage) => paramSchemas(stage).get(name) ?? []);
    if (declaring.length === 0)
      throw new SwpError({
        kind: 'usage',
        message: `No stage of this study has a parameter ${quoted(name)}.`,
        expected: `no --${name}`,
      });
    const taken = declaring.map(({ enum: values }) => values).filter((values) => values !== undefined);
    const common = (taken[0] ?? []).filter((each) => taken.every((values) => values.includes(each)));
    if (taken.length === 0 || common.includes(value)) continue;
    throw new SwpError({
      kind: 'usage',
      message: `There is no ${name} ${quoted(String(value))}.`,
      expected: listNames(common),
      suggestion: nearestName(String(value), strings(common)),
    });
  }
}

function strings(values: readonly JsonValue[]): string[] {
  return values.filter((value) => typeof value === 'string');
}

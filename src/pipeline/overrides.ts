/** Checks what a command gives to a parameter of every stage that declares it, such as --device. */
import { SwpError } from '../base/failure.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import type { StageDefinition } from '../engine/stage.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';
import { resolveParams } from './parameters.ts';
import { paramSchemas } from './stage-params.ts';
import type { Study } from './study.ts';

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

/** Of what a command gives, that which makes a difference to some step of some experiment. */
export function effectiveOverrides(study: Study): JsonObject {
  const declared = { ...study, overrides: {} };
  const differs = (name: string) =>
    study.experiments.some((experiment) =>
      study.steps.some((step) =>
        roundsOf(experiment).some((round) => {
          const params = resolveParams({ study: declared, experiment, stage: step.stage, step, ...round });
          return Object.hasOwn(params, name) && params[name] !== study.overrides[name];
        }),
      ),
    );
  return Object.fromEntries(Object.entries(study.overrides).filter(([name]) => differs(name)));
}

/** Outside of rounds, and in each of them. */
function roundsOf({ rounds }: Study['experiments'][number]): { round?: number }[] {
  return [{}, ...Array.from({ length: rounds + 1 }, (_, index) => ({ round: index + 1 }))];
}

function strings(values: readonly JsonValue[]): string[] {
  return values.filter((value) => typeof value === 'string');
}

/** What a command gives to parameters, as far as it changes something. */
import type { JsonObject } from '../base/json.ts';
import { resolveParams } from './parameters.ts';
import type { Study } from './study.ts';

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

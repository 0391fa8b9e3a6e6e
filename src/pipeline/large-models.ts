/** Which models of a study have the defaults of large ones: their stages say it, since the pipeline knows no models. */
import type { JsonObject, JsonValue } from '../base/json.ts';
import type { StageDefinition } from '../engine/stage.ts';
import { paramSchemas } from './stage-params.ts';
import type { StepDeclaration } from './step.ts';

type ParamsByStage = Record<string, JsonObject>;

/** What of a study may name a model. */
interface Declared {
  root: string;
  stages: ReadonlyMap<string, StageDefinition>;
  steps: readonly StepDeclaration[];
  overrides: JsonObject;
  defaults: ParamsByStage;
  profile: { params: ParamsByStage };
  experiments: readonly {
    model: string;
    params: ParamsByStage;
    perRound: Record<string, Record<string, JsonValue[]>>;
    perStep: Record<string, JsonObject>;
  }[];
}

/** @returns names, as the study has them */
export async function largeModels(study: Declared): Promise<Set<string>> {
  const stages = [...study.stages.values()].filter(
    (stage) =>
      stage.isLarge !== undefined &&
      [...paramSchemas(stage).values()].some(({ defaultOfLarge }) => defaultOfLarge !== undefined),
  );
  const [stage] = stages; // any of them knows
  if (stage === undefined) return new Set();
  const names = new Set(study.experiments.map(({ model }) => model));
  for (const { name } of stages)
    for (const value of valuesOfModel(study, name)) if (typeof value === 'string') names.add(value);
  const large = await Promise.all(
    [...names].map(async (name) => ((await stage.isLarge!(name, study.root)) ? [name] : [])),
  );
  return new Set(large.flat());
}

/** All values that anybody gives to a stage's parameter `model`. */
function valuesOfModel(study: Declared, stage: string): (JsonValue | undefined)[] {
  const layers: (JsonObject | undefined)[] = [
    study.overrides,
    study.defaults[stage],
    study.profile.params[stage],
    ...study.steps.filter((step) => step.stage.name === stage).map(({ params }) => params),
    ...study.experiments.flatMap(({ params, perStep }) => [params[stage], ...Object.values(perStep)]),
  ];
  const lists = study.experiments.flatMap(({ perRound }) => perRound[stage]?.model ?? []);
  return [...layers.map((layer) => layer?.model), ...lists];
}

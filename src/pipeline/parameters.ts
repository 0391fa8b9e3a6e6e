/**
 * The value of every parameter, for one step of one run in one round. The last one given counts:
 *
 *   stage's default, or `defaultOfLarge` < defaults.params < profile's params < experiment's params < step's params
 *   < experiment's perRound < experiment's perStep < what the command gives (--device)
 *
 * A list in `perRound` holds one value per round and applies to the repeated steps; its last value also serves the
 * rounds beyond it (the final training, when the list has no value of its own for it). An extra last value is the final
 * training's alone, after however many rounds a profile lets it come. Then the units act: `steps` are
 * multiplied by scaleSteps, as it is written in decimals, and rounded, halves up, at least 1 unless 0; a `seed` that
 * nobody set is the run's seed, a `model` or `corpus` that nobody set the experiment's.
 */
import { decimalProduct } from '../base/decimal-product.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import type { StageDefinition } from '../engine/stage.ts';
import { defaultOf, paramSchemas } from './stage-params.ts';
import type { StepDeclaration } from './step.ts';
import type { Experiment, Study } from './study.ts';

export interface ParamsRequest {
  study: Study;
  experiment: Experiment;
  stage: StageDefinition;
  /** 1-based, rounds + 1 for the final training; undefined outside the repeated steps. */
  round?: number;
  /** The step, where its own parameters count. */
  step?: Pick<StepDeclaration, 'name' | 'params'>;
  /** The run's seed; without it, seeds that nobody set are left out. */
  seed?: number;
}

/** Exactly the parameters that the stage's schema declares, in the schema's order; `"unit": "study"` is left out. */
export function resolveParams({ study, experiment, stage, round, step, seed }: ParamsRequest): JsonObject {
  const { name } = stage;
  const layers = [
    study.defaults[name],
    study.profile.params[name],
    experiment.params[name],
    step?.params,
    valuesOfRound(experiment, name, round),
    step && experiment.perStep[step.name],
  ];
  const schemas = paramSchemas(stage);
  const given = (param: string): JsonValue | undefined => {
    let value: JsonValue | undefined;
    for (const layer of [...layers, study.overrides]) if (layer?.[param] !== undefined) value = layer[param];
    return value;
  };
  const model = given('model') ?? (schemas.get('model')?.unit === 'model' ? experiment.model : undefined);
  const isLarge = typeof model === 'string' && study.largeModels.has(model);
  const params: JsonObject = {};
  for (const [param, schema] of schemas) {
    if (schema.unit === 'study') continue;
    const otherwise =
      schema.unit === 'model' || schema.unit === 'corpus' ? experiment[schema.unit] : defaultOf(schema, isLarge);
    let value = given(param) ?? otherwise;
    if (schema.unit === 'steps' && typeof value === 'number') value = scaleSteps(value, experiment.scaleSteps);
    if (schema.unit === 'seed') value ??= seed;
    if (value !== undefined) params[param] = value;
  }
  return params;
}

/** @param steps a number of steps as declared; the result is whole, and at least 1 unless `steps` is 0 */
export function scaleSteps(steps: number, factor: number): number {
  return steps === 0 || factor === 1
    ? steps
    : Math.min(Number.MAX_SAFE_INTEGER, Math.max(1, decimalProduct(factor, steps)));
}

/**
 * Which value of a list in `perRound` a round takes.
 * @param round 1-based, rounds + 1 for the final training
 */
export function indexOfRound(
  { rounds, declaredRounds }: Pick<Experiment, 'rounds' | 'declaredRounds'>,
  length: number,
  round: number,
): number {
  const hasFinal = length > declaredRounds;
  if (hasFinal && round > rounds) return length - 1;
  return Math.min(round, hasFinal ? declaredRounds : length) - 1;
}

function valuesOfRound(experiment: Experiment, stage: string, round: number | undefined): JsonObject | undefined {
  const lists = experiment.perRound[stage];
  if (lists === undefined || round === undefined) return undefined;
  const values: JsonObject = {};
  for (const [param, list] of Object.entries(lists)) {
    const value = list[indexOfRound(experiment, list.length, round)];
    if (value !== undefined) values[param] = value;
  }
  return values;
}

/** The study as the report needs it: every experiment with its parameters resolved. Fills params with `"unit": "study"`. */
import { isDeepStrictEqual } from 'node:util';
import type { JsonObject, JsonValue } from '../engine/json.ts';
import type { ExperimentDeclaration, StudyDeclaration } from '../generated/aggregate.ts';
import { resolveParams } from './parameters.ts';
import type { Experiment, Study } from './study.ts';

/** Description, profile, experiments and comparisons of the chosen profile; parameters that differ by round are lists. */
export function declareStudy(study: Study): StudyDeclaration {
  const { name, description, profile, comparisons, analysis } = study;
  return {
    name,
    description,
    profile: { name: profile.name, description: profile.description, scaleSteps: profile.scaleSteps },
    experiments: study.experiments.map((experiment) => declareExperiment(study, experiment)),
    comparisons,
    analysis,
  };
}

function declareExperiment(study: Study, experiment: Experiment): ExperimentDeclaration {
  const { id, description, role, model, seeds, rounds, finalTrain, scaleSteps } = experiment;
  const params: Record<string, JsonObject> = {};
  for (const { stage, gathers, repeated } of study.steps) {
    if (gathers.size > 0) continue;
    // A stage may have steps inside and outside the repeated block; the rounds' values say more.
    if (params[stage.name] === undefined || repeated) params[stage.name] = paramsOverRounds(study, experiment, stage, repeated);
  }
  return { id, description, ...(role === undefined ? {} : { role }), model, seeds, rounds, finalTrain, scaleSteps, params };
}

function paramsOverRounds(study: Study, experiment: Experiment, stage: Parameters<typeof resolveParams>[0]['stage'], repeated: boolean): JsonObject {
  const resolve = (round: number | undefined) => resolveParams({ study, experiment, stage, round });
  if (!repeated) return resolve(undefined);
  const hasFinal = experiment.finalTrain && study.steps.some((step) => step.stage === stage && step.final);
  const perRound = Array.from({ length: experiment.rounds + (hasFinal ? 1 : 0) }, (_, index) => resolve(index + 1));
  const merged: JsonObject = {};
  for (const name of Object.keys(perRound[0] ?? resolve(undefined))) {
    const values = perRound.map((params) => params[name] as JsonValue);
    const first = values[0] ?? resolve(undefined)[name];
    merged[name] = values.every((value) => isDeepStrictEqual(value, first)) ? (first as JsonValue) : values;
  }
  return merged;
}

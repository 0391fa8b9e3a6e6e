/** Where in pipeline.json the value of a parameter comes from, for mistakes that only the resolved values show. */
import type { NodeLabel, StageDefinition } from '../engine/stage.ts';
import type { JsonPath } from '../base/json-source.ts';
import { indexOfRound } from './parameters.ts';
import { paramSchemas } from './stage-params.ts';
import type { StepDeclaration } from './step.ts';
import type { Experiment, Study } from './study.ts';

/** In reverse the order in which src/pipeline/parameters.ts lets the last one given count. */
export function placeOfParam(study: Study, label: NodeLabel, param: string): JsonPath {
  const experiment = study.experiments.find(({ id }) => id === label.experiment);
  const step = study.steps.find(({ name }) => name === label.step);
  if (step === undefined) return ['dag'];
  const { stage } = step;
  const round = step.repeated ? label.round : undefined;
  const given = (experiment && ofExperiment(experiment, step, round, param)) ?? ofStudy(study, stage, param);
  return given ?? (experiment && ofUnit(study, experiment, stage, param)) ?? [...step.path, 'stage'];
}

/** Where a step's input is given; the step's name where it is not. */
export function placeOfInput({ steps }: Study, { step: name, name: input }: { step: string; name: string }): JsonPath {
  const step = steps.find((each) => each.name === name);
  if (step === undefined) return ['dag'];
  return step.inputs.has(input) ? [...step.path, 'inputs', input] : [...step.path, 'step'];
}

function ofExperiment(
  experiment: Experiment,
  step: StepDeclaration,
  round: number | undefined,
  param: string,
): JsonPath | undefined {
  const place = ['experiments', experiment.id];
  const stage = step.stage.name;
  if (experiment.perStep[step.name]?.[param] !== undefined) return [...place, 'perStep', step.name, param];
  const list = round === undefined ? undefined : experiment.perRound[stage]?.[param];
  if (list !== undefined) return [...place, 'perRound', stage, param, indexOfRound(experiment, list.length, round!)];
  if (step.params[param] !== undefined) return [...step.path, 'params', param];
  return experiment.params[stage]?.[param] === undefined ? undefined : [...place, 'params', stage, param];
}

function ofStudy({ profile, defaults }: Study, { name }: StageDefinition, param: string): JsonPath | undefined {
  if (profile.params[name]?.[param] !== undefined) return ['profiles', profile.name, 'params', name, param];
  return defaults[name]?.[param] === undefined ? undefined : ['defaults', 'params', name, param];
}

/** Of a parameter that nobody set: what its unit takes the value from. */
function ofUnit(
  { file: { content }, profile }: Study,
  experiment: Experiment,
  stage: StageDefinition,
  param: string,
): JsonPath | undefined {
  const unit = paramSchemas(stage).get(param)?.unit;
  const key = unit === 'model' || unit === 'corpus' ? unit : unit === 'seed' ? 'seeds' : undefined;
  if (key === undefined) return undefined;
  const places: [unknown, JsonPath][] = [
    [content.experiments[experiment.id]?.[key], ['experiments', experiment.id, key]],
    [content.profiles?.[profile.name]?.[key], ['profiles', profile.name, key]],
    [content.defaults?.[key], ['defaults', key]],
  ];
  return places.find(([value]) => value !== undefined)?.[1];
}

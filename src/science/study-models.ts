/**
 * A study with its models as they are: called as reports call them, so that what is made of the study holds no path,
 * and with no checkpoint per seed where there is only one.
 */
import type { ExperimentDeclaration, StepParams, StudyDeclaration } from '../generated/aggregate.ts';
import { locateModel, modelLabels } from '../model/model-name.ts';
import { isPublished } from '../model/open-published.ts';

export interface LabelledStudy {
  study: StudyDeclaration;
  /** Its models, as locateModel gives them, by what the study calls them now. */
  models: ReadonlyMap<string, string>;
}

/**
 * @param root the study's folder
 * @returns `load-pretrained.checkpoint` is null where the model is a published one, of which every seed loads the same
 */
export function withModelLabels(study: StudyDeclaration, root: string): LabelledStudy {
  const labels = modelLabels(study.experiments.flatMap(modelNames), root);
  const label = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(label);
    return typeof value === 'string' ? (labels.get(value) ?? value) : value;
  };
  const labelled = (params: Params): Params =>
    params.model === undefined ? params : { ...params, model: label(params.model) };
  const experiments = study.experiments.map((experiment): ExperimentDeclaration => ({
    ...experiment,
    model: labels.get(experiment.model)!,
    params: mapped(withOneCheckpoint(experiment, root), labelled),
    ...(experiment.steps && {
      steps: mapped(experiment.steps, (step) => ({ ...step, params: labelled(step.params) })),
    }),
  }));
  return {
    study: { ...study, experiments },
    models: new Map([...labels].map(([name, own]) => [own, locateModel(name, root)])),
  };
}

type Params = StepParams['params'];

function withOneCheckpoint({ model, params }: ExperimentDeclaration, root: string): Record<string, Params> {
  const all = params as Record<string, Params>;
  const load = all['load-pretrained'];
  const loaded = load?.model ?? model;
  if (load === undefined || typeof loaded !== 'string' || !isPublished(locateModel(loaded, root))) return all;
  return { ...all, 'load-pretrained': { ...load, checkpoint: null } };
}

/** Of the experiment, and of stages and steps that have one of their own, one per round where rounds differ. */
function modelNames({ model, params, steps = {} }: ExperimentDeclaration): string[] {
  const own = [...Object.values(params as Record<string, Params>), ...Object.values(steps).map((step) => step.params)];
  return [model, ...own.flatMap((each) => each.model).filter((name) => typeof name === 'string')];
}

function mapped<Value>(record: Record<string, Value>, map: (value: Value) => Value): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

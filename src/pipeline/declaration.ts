/**
 * The study as the report and lint need it: every experiment with its parameters resolved. Fills params with `"unit":
 * "study"`.
 */
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { JsonObject, JsonValue } from '../base/json.ts';
import type { StageDefinition } from '../engine/stage.ts';
import type { ExperimentDeclaration, StepParams, StudyDeclaration, WiredRounds } from '../generated/aggregate.ts';
import { resolveParams } from './parameters.ts';
import { paramSchemas } from './stage-params.ts';
import type { StepDeclaration } from './step.ts';
import type { Experiment, Study } from './study.ts';
import { declareWiring } from './wiring.ts';

/**
 * Description, profile, experiments and comparisons of the chosen profile; parameters that differ by round are lists.
 */
export function declareStudy(declared: Study): StudyDeclaration {
  const study = withTextLabels(withoutIdleText(declared));
  const { name, description, profile, comparisons, analysis } = study;
  const wirings: WiredRounds[][] = [];
  const places = new Map<string, number>();
  const place = (wiring: WiredRounds[]) => {
    const identity = JSON.stringify(wiring);
    const known = places.get(identity) ?? wirings.push(wiring) - 1;
    places.set(identity, known);
    return known;
  };
  return {
    name,
    description,
    profile: {
      name: profile.name,
      description: profile.description,
      scaleSteps: profile.scaleSteps,
      accept: profile.accept,
    },
    steps: declareSteps(study),
    experiments: study.experiments.map((experiment) => ({
      ...declareExperiment(study, experiment),
      wiring: place(declareWiring(study, experiment)),
    })),
    wirings,
    comparisons,
    analysis,
  };
}

/** The steps of a run: their stage, what they measure, and how their artifacts are gathered. */
function declareSteps({ steps }: Study): StudyDeclaration['steps'] {
  const ofRun = steps.filter(({ gathers }) => gathers.size === 0);
  const gathers = steps.flatMap((step) => [...step.gathers]);
  return Object.fromEntries(
    ofRun.map(({ name, stage, measures }) => [
      name,
      {
        stage: stage.name,
        ...(measures === undefined ? {} : { measures }),
        gatheredAs: [
          ...new Set(gathers.flatMap(([input, refs]) => (refs.some(({ step }) => step === name) ? [input] : []))),
        ],
      },
    ]),
  );
}

/** Of a study without a text, a step that is there for one is no part. */
function withoutIdleText(study: Study): Study {
  if (study.experiments.some(({ corpus }) => corpus !== null)) return study;
  const readsText = ({ stage }: StepDeclaration) => paramSchemas(stage).get('corpus')?.unit === 'corpus';
  return { ...study, steps: study.steps.filter((step) => !readsText(step)) };
}

/** Names texts by the last part of their path, where that tells them apart: it matters to nobody where they lie. */
function withTextLabels(study: Study): Study {
  const texts = new Set(study.experiments.flatMap(({ corpus }) => (corpus === null ? [] : [String(corpus.text)])));
  const isClear = new Set([...texts].map((text) => basename(text))).size === texts.size;
  const labelled = (corpus: JsonObject) => ({ ...corpus, text: basename(String(corpus.text)) });
  const experiments = study.experiments.map((experiment) =>
    isClear && experiment.corpus !== null ? { ...experiment, corpus: labelled(experiment.corpus) } : experiment,
  );
  return { ...study, experiments };
}

function declareExperiment(study: Study, experiment: Experiment): ExperimentDeclaration {
  const { id, description, role, extends: base, model, seeds, rounds, finalTrain, scaleSteps } = experiment;
  const steps = study.steps.filter(({ gathers }) => gathers.size === 0);
  const stages = new Map<string, StepParams>();
  for (const { stage, repeated } of steps)
    // A stage may have steps inside and outside the repeated block; the rounds' values say more.
    if (!stages.has(stage.name) || repeated)
      stages.set(stage.name, paramsOverRounds(study, experiment, stage, repeated));
  const ownOfSteps = steps.flatMap((step) => {
    const own = without(
      paramsOverRounds(study, experiment, step.stage, step.repeated, step),
      stages.get(step.stage.name)!,
    );
    return Object.keys(own.params).length > 0 ? [[step.name, own] as const] : [];
  });
  return {
    id,
    description,
    ...(role === undefined ? {} : { role }),
    ...(base === undefined ? {} : { extends: base }),
    model,
    seeds,
    rounds,
    finalTrain,
    scaleSteps,
    params: Object.fromEntries([...stages].map(([name, { params }]) => [name, params])),
    byRound: [...stages].flatMap(([name, { byRound }]) => byRound.map((param) => `${name}.${param}`)),
    steps: Object.fromEntries(ownOfSteps),
  };
}

/** @param step where its own parameters are to count. */
function paramsOverRounds(
  study: Study,
  experiment: Experiment,
  stage: StageDefinition,
  repeated: boolean,
  step?: StepDeclaration,
): StepParams {
  const resolve = (round: number | undefined) =>
    resolveParams({ study, experiment, stage, round, ...(step && { step }) });
  if (!repeated) return { params: resolve(undefined), byRound: [] };
  const hasFinal = experiment.finalTrain && study.steps.some((each) => each.stage === stage && each.final);
  const perRound = Array.from({ length: experiment.rounds + (hasFinal ? 1 : 0) }, (_, index) => resolve(index + 1));
  const params: JsonObject = {};
  const byRound: string[] = [];
  for (const name of Object.keys(perRound[0] ?? resolve(undefined))) {
    const values = perRound.map((each) => each[name] as JsonValue);
    const first = values[0] ?? resolve(undefined)[name];
    const constant = values.every((value) => isDeepStrictEqual(value, first));
    params[name] = constant ? (first as JsonValue) : values;
    if (!constant) byRound.push(name);
  }
  return { params, byRound };
}

/** What differs from the stage's. A parameter that the stage has not set, a seed, is there in neither. */
function without({ params, byRound }: StepParams, stage: StepParams): StepParams {
  const own = Object.fromEntries(
    Object.entries(params).filter(([name, value]) => !isDeepStrictEqual(value, stage.params[name])),
  );
  return { params: own, byRound: byRound.filter((name) => Object.hasOwn(own, name)) };
}

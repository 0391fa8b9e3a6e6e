/**
 * What a study's declaration says of its experiments, read with the types of the stages' parameter schemas. A stage's
 * name is enough to know its schema: a study cannot have a stage of its own under a name that swp uses.
 */
import { entryOf } from '../base/json.ts';
import type { ExperimentDeclaration, StepParams, StudyDeclaration } from '../generated/aggregate.ts';
import type { DetectSwParams } from '../generated/detect-sw.ts';
import type { EvalParams } from '../generated/eval.ts';
import type { InitParams } from '../generated/init.ts';
import type { LoadPretrainedParams } from '../generated/load-pretrained.ts';
import type { PruneParams } from '../generated/prune.ts';
import type { RewindParams } from '../generated/rewind.ts';
import type { TrainParams } from '../generated/train.ts';

/** Parameters of swp's own stages, by the stage's name. */
export interface StageParams {
  'load-pretrained': LoadPretrainedParams;
  init: InitParams;
  train: TrainParams;
  prune: PruneParams;
  rewind: RewindParams;
  'detect-sw': DetectSwParams;
  eval: EvalParams;
}

export type StageName = keyof StageParams;
export type ParamName<Stage extends StageName> = keyof StageParams[Stage] & string;
export type ParamValue<Stage extends StageName, Name extends ParamName<Stage>> = NonNullable<StageParams[Stage][Name]>;

/**
 * A parameter that all rounds of an experiment share.
 * @returns undefined where rounds differ, and where the experiment has no such parameter: its DAG lacks the stage
 */
export function paramOf<Stage extends StageName, Name extends ParamName<Stage>>(
  experiment: ExperimentDeclaration,
  stage: Stage,
  name: Name,
): ParamValue<Stage, Name> | undefined {
  const values = paramValues(experiment, stage, name);
  return values.length === 1 ? values[0] : undefined;
}

/** A parameter's values: one per round where rounds differ, the final training's last; none without the stage. */
export function paramValues<Stage extends StageName, Name extends ParamName<Stage>>(
  experiment: ExperimentDeclaration,
  stage: Stage,
  name: Name,
): ParamValue<Stage, Name>[] {
  const found = declaredValue(experiment, stage, name);
  // The stage's schema has checked the values.
  const typed = (value: unknown) => value as ParamValue<Stage, Name>;
  if (found === undefined) return [];
  return isByRound(experiment, stage, name) ? (found as unknown[]).map(typed) : [typed(found)];
}

/** A parameter's value in one round, counted from 1; undefined beyond the last one. */
export function paramIn<Stage extends StageName, Name extends ParamName<Stage>>(
  experiment: ExperimentDeclaration,
  stage: Stage,
  name: Name,
  round: number,
): ParamValue<Stage, Name> | undefined {
  const values = paramValues(experiment, stage, name);
  return isByRound(experiment, stage, name) ? values[round - 1] : values[0];
}

/** What single steps of a stage have of their own, above what is said of their stage: every value of every step. */
export function ownStepValues<Stage extends StageName, Name extends ParamName<Stage>>(
  study: StudyDeclaration,
  experiment: ExperimentDeclaration,
  stage: Stage,
  name: Name,
): ParamValue<Stage, Name>[] {
  return Object.entries(experiment.steps ?? {}).flatMap(([step, { params, byRound }]) => {
    const value = params[name];
    if (entryOf(study.steps, step)?.stage !== stage || value === undefined) return [];
    return (byRound.includes(name) ? (value as unknown[]) : [value]) as ParamValue<Stage, Name>[];
  });
}

/** A parameter by a name that is known only at run time, as it is declared: for tables of all parameters. */
export function declaredValue({ params }: ExperimentDeclaration, stage: string, name: string): unknown {
  return entryOf(entryOf(params, stage) as StepParams['params'] | undefined, name);
}

/** Whether a declared value is a list with one value per round. */
export function isByRound({ byRound }: ExperimentDeclaration, stage: string, name: string): boolean {
  return byRound?.includes(`${stage}.${name}`) ?? false;
}

/**
 * Which step leaves what another one takes: `prune.mask` in the same round, `prune.mask -1` in the round before,
 * `load.weights @0` before the rounds.
 * @param source an input of a step, as the wiring declares it
 * @param round of the step that takes it
 */
export function producerOf(source: string, round: number): { step: string; artifact: string; round: number } {
  const [name = '', place] = source.split(' ');
  const dot = name.lastIndexOf('.');
  const produced = { step: name.slice(0, dot), artifact: name.slice(dot + 1) };
  if (place === undefined) return { ...produced, round };
  return { ...produced, round: place === '-1' ? round - 1 : Number(place.slice(1)) };
}

/** Trainings of a run: one a round, and the one after the last prune. */
export function trainings({ rounds, finalTrain }: ExperimentDeclaration): number {
  return rounds + (finalTrain ? 1 : 0);
}

/** Whether a step prunes: the study gathers what it reports about its pruning. */
export function isPruningStep({ steps }: StudyDeclaration, step: string): boolean {
  return entryOf(steps, step)?.gatheredAs.includes('prunings') ?? false;
}

/**
 * The stages that prune: `prune`, or stages of the study's own.
 * @param experiment those that prune in its runs; none if nothing does. Without it, those of the whole study
 */
export function pruningStages(study: StudyDeclaration, experiment?: ExperimentDeclaration): string[] {
  return stagesGatheredAs('prunings', study, experiment);
}

/** Those of them that are the study's own: how they choose what to prune, only their authors know. */
export function foreignPruningStages(study: StudyDeclaration, experiment?: ExperimentDeclaration): string[] {
  return pruningStages(study, experiment).filter((stage) => stage !== 'prune');
}

/** The same as `pruningStages` for the stages that train. */
export function trainingStages(study: StudyDeclaration, experiment?: ExperimentDeclaration): string[] {
  return stagesGatheredAs('curves', study, experiment);
}

/** The same as `foreignPruningStages` for the stages that train. */
export function foreignTrainingStages(study: StudyDeclaration, experiment?: ExperimentDeclaration): string[] {
  return trainingStages(study, experiment).filter((stage) => stage !== 'train');
}

/** The stages whose artifacts the study gathers under an input of `aggregate`, as `pruningStages` says it. */
export function stagesGatheredAs(input: string, study: StudyDeclaration, experiment?: ExperimentDeclaration): string[] {
  const wired = experiment?.wiring === undefined ? undefined : study.wirings?.[experiment.wiring];
  const runs = (step: string) =>
    wired === undefined || wired.some(({ steps }) => steps.some((each) => each.step === step));
  const found = Object.entries(study.steps).filter(
    ([step, { gatheredAs }]) => gatheredAs.includes(input) && runs(step),
  );
  return [...new Set(found.map(([, { stage }]) => stage))];
}

/**
 * One experiment as lint sees it: the value of every variable in every round, and which steps run there with which
 * inputs.
 *
 * Variables are named as in a comparison's "varies": `stage.param`, `step.param` for what a step has of its own,
 * `model`, `rounds`, `finalTrain`.
 */
import { entryOf } from '../../base/json.ts';
import { isDeepStrictEqual } from 'node:util';
import type { ExperimentDeclaration, StudyDeclaration, WiredStep } from '../../generated/aggregate.ts';
import {
  declaredValue,
  foreignPruningStages,
  foreignTrainingStages,
  isByRound,
  trainings,
  type ParamName,
  type ParamValue,
  type StageName,
} from '../study-declaration.ts';

/** Variables that are no parameters. */
const OF_RUN = ['rounds', 'finalTrain', 'model'] as const;
type OfRun = (typeof OF_RUN)[number];

export class Arm {
  /** Steps by round, 0 being what comes before the rounds; undefined where the declaration does not say. */
  readonly wiring: ReadonlyMap<number, WiredStep[]> | undefined;
  /** Stages of the study's own that prune in its runs: how much they prune is not declared. */
  readonly foreignPruning: readonly string[];
  /** Stages of the study's own that train in its runs: for how long is not declared. */
  readonly foreignTraining: readonly string[];
  readonly #stageOfStep = new Map<string, string>();
  readonly #stages: ReadonlySet<string>;

  constructor(
    readonly declaration: ExperimentDeclaration,
    study: StudyDeclaration,
  ) {
    const declared = declaration.wiring === undefined ? undefined : study.wirings?.[declaration.wiring];
    this.wiring =
      declared &&
      new Map(
        declared.flatMap(({ from, to, steps }) =>
          Array.from({ length: to - from + 1 }, (_, index) => [from + index, steps] as const),
        ),
      );
    this.foreignPruning = foreignPruningStages(study, declaration);
    this.foreignTraining = foreignTrainingStages(study, declaration);
    for (const steps of this.wiring?.values() ?? [])
      for (const { step, stage } of steps) this.#stageOfStep.set(step, stage);
    this.#stages = new Set(this.#stageOfStep.values());
  }

  get id(): string {
    return this.declaration.id;
  }

  /** The last round: that of the final training, if there is one. */
  get lastRound(): number {
    return trainings(this.declaration);
  }

  /** Whether a step of the stage runs at all. */
  hasStage(stage: string): boolean {
    return this.wiring === undefined ? Object.hasOwn(this.declaration.params, stage) : this.#stages.has(stage);
  }

  hasStep(step: string): boolean {
    return this.wiring === undefined || this.#stageOfStep.has(step);
  }

  /** The steps that run in a round, of those that take a variable. */
  takers(variable: string, round: number): string[] {
    const { owner } = split(variable);
    const steps = this.wiring?.get(round) ?? [];
    return steps.filter(({ step, stage }) => step === owner || stage === owner).map(({ step }) => step);
  }

  /** Names of all variables: of stages, of the run, and of steps where those differ from their stage. */
  variables(): string[] {
    const { params, steps = {} } = this.declaration;
    const names = (group: string, values: object) =>
      Object.keys(values)
        .filter((param) => !this.#isModel(group, param))
        .map((param) => `${group}.${param}`);
    return [
      ...OF_RUN,
      ...Object.entries(params).flatMap(([stage, values]) => names(stage, values as object)),
      ...Object.entries(steps).flatMap(([step, own]) => names(step, own.params)),
    ];
  }

  /**
   * The value of a variable as it is declared: a list where it differs by round; undefined for a seed that is the
   * run's.
   */
  value(variable: string): unknown {
    if (isOfRun(variable)) return this.declaration[variable];
    const { owner, param } = split(variable);
    const own = entryOf(this.declaration.steps, owner)?.params;
    if (own !== undefined && Object.hasOwn(own, param)) return own[param];
    return declaredValue(this.declaration, this.#stageOf(owner), param);
  }

  /** The value in one round. @param round 0 for steps outside the rounds */
  valueIn(variable: string, round: number): unknown {
    if (isOfRun(variable)) return this.declaration[variable];
    const { owner, param } = split(variable);
    return this.valueAt({ step: owner, stage: this.#stageOf(owner) }, param, round);
  }

  /**
   * A parameter of a step in one round: the step's own value, or that of its stage. A list serves the rounds beyond it
   * with its last value.
   * @param round 0 for steps outside the rounds
   */
  valueAt({ step, stage }: Pick<WiredStep, 'step' | 'stage'>, param: string, round: number): unknown {
    const own = entryOf(this.declaration.steps, step);
    const isOwn = own !== undefined && Object.hasOwn(own.params, param);
    const value = isOwn ? own.params[param] : declaredValue(this.declaration, stage, param);
    const isList = isOwn ? own.byRound.includes(param) : isByRound(this.declaration, stage, param);
    if (!isList || !Array.isArray(value)) return value;
    return value[Math.min(Math.max(round, 1), value.length) - 1] as unknown;
  }

  /** A parameter of a stage of swp, as one of its steps has it in one round. */
  paramIn<Stage extends StageName, Name extends ParamName<Stage>>(
    stage: Stage,
    name: Name,
    round: number,
    step: string = stage,
  ): ParamValue<Stage, Name> | undefined {
    // The stage's schema has checked it.
    return this.valueIn(`${step}.${name}`, round) as ParamValue<Stage, Name> | undefined;
  }

  /**
   * Whether a variable has another value in `other`, in any round that both have. Final trainings are compared with
   * each other.
   */
  differsFrom(other: Arm, variable: string): boolean {
    const [own, others] = [this.value(variable), other.value(variable)];
    if (isDeepStrictEqual(own, others)) return false;
    const common = Math.min(this.declaration.rounds, other.declaration.rounds);
    const rounds = Array.from({ length: common }, (_, index) => [index + 1, index + 1] as const);
    if (this.declaration.finalTrain && other.declaration.finalTrain) rounds.push([this.lastRound, other.lastRound]);
    if (rounds.length === 0) return true;
    return rounds.some(
      ([mine, theirs]) => !isDeepStrictEqual(this.valueIn(variable, mine), other.valueIn(variable, theirs)),
    );
  }

  #stageOf(owner: string): string {
    return Object.hasOwn(this.declaration.params, owner) ? owner : (this.#stageOfStep.get(owner) ?? owner);
  }

  /** Whether a parameter is the experiment's model, which is a variable already. */
  #isModel(stage: string, param: string): boolean {
    return param === 'model' && declaredValue(this.declaration, this.#stageOf(stage), param) === this.declaration.model;
  }
}

function isOfRun(variable: string): variable is OfRun {
  return (OF_RUN as readonly string[]).includes(variable);
}

/** `train.steps` -> its stage or step, and the parameter. */
export function split(variable: string): { owner: string; param: string } {
  const dot = variable.lastIndexOf('.');
  return { owner: variable.slice(0, Math.max(dot, 0)), param: variable.slice(dot + 1) };
}

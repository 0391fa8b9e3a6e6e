/** Writes one run out: the repeated steps become instances, and every reference the instance it means. */
import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '../base/json.ts';
import type { NodeLabel, StageInput } from '../engine/stage.ts';
import { resolveParams } from './parameters.ts';
import type { ArtifactReference, Condition, Reference } from './reference.ts';
import type { StepDeclaration } from './step.ts';
import type { Experiment, Study } from './study.ts';

/** One step in one round of one run: what becomes a node once it has a key. */
export interface StepInstance {
  label: NodeLabel;
  step: StepDeclaration;
  params: JsonObject;
  inputs: Record<string, InstanceArtifact>;
}

export interface InstanceArtifact {
  instance: StepInstance;
  artifact: string;
}

/** The instances of a run, producers before consumers. */
export function expandRun(study: Study, experiment: Experiment, seed: number): StepInstance[] {
  return new RunExpansion(study, experiment, seed).expand();
}

class RunExpansion {
  readonly #seed: number;
  readonly #experiment: Experiment;
  readonly #study: Study;
  readonly #instances: StepInstance[] = [];
  /** Instances by step, oldest first. */
  readonly #byStep = new Map<string, StepInstance[]>();
  readonly #order = new Map<StepInstance, number>();

  constructor(study: Study, experiment: Experiment, seed: number) {
    this.#seed = seed;
    this.#experiment = experiment;
    this.#study = study;
  }

  expand(): StepInstance[] {
    const { rounds, finalTrain } = this.#experiment;
    const steps = this.#study.steps.filter(({ gathers }) => gathers.size === 0);
    const firstRepeated = steps.findIndex(({ repeated }) => repeated);
    const before = firstRepeated === -1 ? steps : steps.slice(0, firstRepeated);
    const repeated = steps.filter((step) => step.repeated);
    const after = steps.slice(before.length + repeated.length);

    for (const step of before) this.#instantiate(step, 0);
    for (let round = 1; round <= rounds; round++) for (const step of repeated) this.#instantiate(step, round);
    const lastRound = finalTrain && repeated.some(({ final }) => final) ? rounds + 1 : rounds;
    if (lastRound > rounds) for (const step of repeated) if (step.final) this.#instantiate(step, lastRound);
    for (const step of after) this.#instantiate(step, lastRound);
    return this.#instances;
  }

  /** Adds the step's instance, unless its parameters or a missing required input leave it out. */
  #instantiate(step: StepDeclaration, round: number): void {
    const study = this.#study;
    const experiment = this.#experiment;
    const seed = this.#seed;
    const params = resolveParams({
      study,
      experiment,
      stage: step.stage,
      step,
      round: step.repeated ? round : undefined,
      seed,
    });
    if (
      step.unless !== undefined &&
      Object.entries(step.unless).every(([name, value]) => isDeepStrictEqual(params[name], plain(value)))
    )
      return;

    const inputs: Record<string, InstanceArtifact> = {};
    for (const [name, { optional }] of inputsOf(step)) {
      const reference = step.inputs.get(name);
      const found = reference && this.#find(reference, step, round);
      if (found !== undefined) inputs[name] = found;
      else if (!optional) return;
    }
    const instance: StepInstance = {
      label: { experiment: experiment.id, seed, round, step: step.name },
      step,
      params,
      inputs,
    };
    this.#order.set(instance, this.#instances.length);
    this.#instances.push(instance);
    const earlier = this.#byStep.get(step.name);
    if (earlier === undefined) this.#byStep.set(step.name, [instance]);
    else earlier.push(instance);
  }

  #find(reference: Reference, step: StepDeclaration, round: number): InstanceArtifact | undefined {
    switch (reference.kind) {
      case 'artifact':
        return this.#findArtifact(reference, round);
      case 'any': {
        const found = reference.of.map((each) => this.#findArtifact(each, round)).filter((each) => each !== undefined);
        return found.reduce<InstanceArtifact | undefined>(
          (latest, each) => (latest === undefined || this.#isLater(each, latest) ? each : latest),
          undefined,
        );
      }
      case 'when': {
        const chosen = this.#holds(reference.conditions, step, round) ? reference.use : reference.otherwise;
        return chosen && this.#find(chosen, step, round);
      }
    }
  }

  #findArtifact({ which, step, artifact }: ArtifactReference, round: number): InstanceArtifact | undefined {
    const instances = this.#byStep.get(step) ?? [];
    const instance = which === 'first' ? instances[0] : instances.at(-1);
    if (instance === undefined || (which === 'this' && instance.label.round !== round)) return undefined;
    return { instance, artifact };
  }

  #isLater(a: InstanceArtifact, b: InstanceArtifact): boolean {
    return (this.#order.get(a.instance) ?? 0) > (this.#order.get(b.instance) ?? 0);
  }

  /** Conditions speak of stages: `train.steps` is the stage's value in this round, without any step's own overrides. */
  #holds(conditions: Condition[], step: StepDeclaration, round: number): boolean {
    const study = this.#study;
    const experiment = this.#experiment;
    const seed = this.#seed;
    return conditions.every(({ stage: name, param, values }) => {
      const stage = study.stages.get(name);
      if (stage === undefined) return false;
      const params = resolveParams({ study, experiment, stage, round: step.repeated ? round : undefined, seed });
      return values.some((value) => isDeepStrictEqual(params[param], plain(value)));
    });
  }
}

/** Values from the file have no prototype, those from schemas do: compared without it. */
function plain(value: JsonObject[string]): unknown {
  return typeof value === 'object' ? JSON.parse(JSON.stringify(value)) : value;
}

/** The inputs that a step's stage declares; of a stage that could not be loaded, those that the step is given. */
function inputsOf({ stage, inputs }: StepDeclaration): [string, StageInput][] {
  if (!stage.isUnknown) return Object.entries(stage.inputs);
  return [...inputs.keys()].map((name) => [name, { summary: '', optional: true }]);
}

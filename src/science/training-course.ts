/**
 * How an experiment's runs start, train and are evaluated, round by round, with everything that prunes left out: two
 * experiments with equal courses differ in nothing but what their pruning did.
 */
import { canonicalJson, entryOf, type JsonValue } from '../base/json.ts';
import { addTo } from '../base/groups.ts';
import type { ExperimentDeclaration, StudyDeclaration, WiredStep } from '../generated/aggregate.ts';
import type { Phase } from '../generated/results.ts';
import { Arm } from './lint/arm.ts';
import {
  producerOf,
  trainings,
  trainingStages,
  type ParamName,
  type ParamValue,
  type StageName,
} from './study-declaration.ts';

/** A parameter of a step in a round; `value` is undefined for a seed that is the run's own. */
export interface CourseFact {
  round: number;
  step: string;
  stage: string;
  param: string;
  /** Round and step: where it counts. */
  place: string;
  value: unknown;
  /** As `swp lint` names it: of the stage, or of the step where it has a value of its own. */
  variable: string;
}

/** Where a step runs. */
export interface Place {
  round: number;
  step: string;
  stage: string;
}

/** Inputs under which what belongs to pruning, and what only measures, is gathered. */
const NOT_OF_TRAINING = ['prunings', 'masks', 'superWeights', 'evaluations'];

/** Stages that make weights, wherever they stand; what else only a pruned run has belongs to its pruning. */
const OF_WEIGHTS = ['load-pretrained', 'init', 'train'];

/**
 * Parameters that do not matter to what prunes nothing, or to what is computed: how a mask is kept, how often the curve
 * is written, and what an evaluation puts back of a lost super weight.
 */
const IGNORED: Record<string, readonly string[]> = {
  train: ['mask', 'curveEvery'],
  rewind: ['mask'],
  eval: ['restore', 'restoreShare'],
};

export class TrainingCourse {
  readonly arm: Arm;
  /** Trainings of a run, by its rounds. */
  readonly length: number;
  readonly #study: StudyDeclaration;
  #placesByRound: Map<number, Place[]> | undefined;
  readonly #rounds = new Map<number, string>();
  readonly #evaluations = new Map<string, string | undefined>();
  readonly #factsUpTo = new Map<number, ReadonlyMap<string, CourseFact>>();
  readonly #evaluationFacts = new Map<string, CourseFact[]>();

  constructor(study: StudyDeclaration, experiment: ExperimentDeclaration) {
    this.#study = study;
    this.arm = new Arm(experiment, study);
    this.length = trainings(experiment);
  }

  /** What is computed in a round, 0 being what comes before the rounds: equal texts are equal trainings. */
  round(round: number): string {
    let text = this.#rounds.get(round);
    if (text === undefined) {
      const steps = (this.#places().get(round) ?? []).map((place) => [place.step, place.stage, this.#values(place)]);
      text = canonicalJson(steps as JsonValue);
      this.#rounds.set(round, text);
    }
    return text;
  }

  /** How the models of a round are evaluated after its training, or after its prune; undefined where they are not. */
  evaluation(round: number, phase: Phase): string | undefined {
    const key = `${round} ${phase}`;
    if (!this.#evaluations.has(key)) {
      const all = this.#evaluating(round, phase).map((place) => this.#values(place));
      this.#evaluations.set(key, all.length === 0 ? undefined : canonicalJson(all as JsonValue));
    }
    return this.#evaluations.get(key);
  }

  /** When in a round it is read what pruning cost: after its training, and after a prune that ends the run. */
  comparedPhases(round: number): Phase[] {
    if (round === 0) return this.length === 0 ? ['start'] : [];
    return round === this.length && !this.arm.declaration.finalTrain ? ['trained', 'pruned'] : ['trained'];
  }

  /** Where what the trainings up to a round left was evaluated last; undefined where it nowhere was. */
  lastEvaluation(round: number): { round: number; phase: Phase } | undefined {
    for (let each = round; each > 0; each--)
      if (this.evaluation(each, 'trained') !== undefined) return { round: each, phase: 'trained' };
    return this.evaluation(0, 'start') === undefined ? undefined : { round: 0, phase: 'start' };
  }

  /** Every step behind `round`, up to a round. */
  places(upTo: number): Place[] {
    return [...this.#places()].flatMap(([round, places]) => (round > upTo ? [] : places));
  }

  /** Every parameter of these steps, by its place and name. A course is compared with many others: made once. */
  facts(upTo: number): ReadonlyMap<string, CourseFact> {
    let facts = this.#factsUpTo.get(upTo);
    if (facts === undefined) {
      const all = this.places(upTo).flatMap((place) => this.#facts(place));
      facts = new Map(all.map((fact) => [`${fact.place} ${fact.param}`, fact]));
      this.#factsUpTo.set(upTo, facts);
    }
    return facts;
  }

  /** Every parameter behind `evaluation`. */
  evaluationFacts(round: number, phase: Phase): CourseFact[] {
    const key = `${round} ${phase}`;
    const facts =
      this.#evaluationFacts.get(key) ?? this.#evaluating(round, phase).flatMap((place) => this.#facts(place));
    this.#evaluationFacts.set(key, facts);
    return facts;
  }

  /** Whether a step of the stage `prune` takes weights in a round that comes before the training of another. */
  prunesBefore(round: number): boolean {
    return Array.from({ length: Math.max(0, round - 1) }, (_, index) => index + 1).some((each) =>
      this.#stepsOf(each).some(({ step, stage }) => {
        if (stage !== 'prune') return false;
        const value = <Name extends 'fraction' | 'force' | 'coordinates'>(name: Name) =>
          this.#param({ round: each, step }, 'prune', name);
        return (
          (value('fraction') ?? 0) > 0 ||
          (value('force') ?? 'none') !== 'none' ||
          (value('coordinates') ?? []).length > 0
        );
      }),
    );
  }

  #evaluating(round: number, phase: Phase): Place[] {
    return this.#stepsOf(phase === 'start' ? 0 : round).filter(({ step }) => {
      const declared = entryOf(this.#study.steps, step);
      return declared?.measures === phase && declared.gatheredAs.includes('evaluations');
    });
  }

  /** The steps of a round. Where the declaration does not say how they are connected, those that may run there. */
  #stepsOf(round: number): Place[] {
    if (this.arm.wiring !== undefined)
      return (this.arm.wiring.get(round) ?? []).map(({ step, stage }) => ({ round, step, stage }));
    return Object.entries(this.#study.steps)
      .filter(([, { measures }]) => (measures === 'start') === (round === 0))
      .map(([step, { stage }]) => ({ round, step, stage }));
  }

  #places(): Map<number, Place[]> {
    this.#placesByRound ??= this.arm.wiring === undefined ? this.#declaredPlaces() : this.#wiredPlaces();
    return this.#placesByRound;
  }

  /** Without connections: the start, a training a round, and what is gone back to between them. */
  #declaredPlaces(): Map<number, Place[]> {
    const places = new Map<number, Place[]>();
    const { params } = this.arm.declaration;
    const scheme = this.#param({ round: 0, step: 'init' }, 'init', 'scheme') ?? 'pretrained';
    for (const stage of ['load-pretrained', 'init'])
      if (Object.hasOwn(params, stage) && (stage === 'init' || scheme === 'pretrained'))
        addTo(places, 0, { round: 0, step: stage, stage });
    const stages = trainingStages(this.#study, this.arm.declaration);
    for (let round = 1; round <= this.length; round++) {
      for (const stage of stages.length === 0 ? ['train'] : stages)
        if (stage !== 'train' || this.#param({ round, step: stage }, 'train', 'steps') !== 0)
          addTo(places, round, { round, step: stage, stage });
      if (round < this.length && this.#goesBack({ round, step: 'rewind', stage: 'rewind' }))
        addTo(places, round, { round, step: 'rewind', stage: 'rewind' });
    }
    return places;
  }

  /**
   * What the weights of all trainings and evaluations come from. What is reached only through a prune belongs to the
   * pruning, unless it is a start or a training, as the first of a run that prunes before it trains.
   */
  #wiredPlaces(): Map<number, Place[]> {
    const found = new Map<string, Place>();
    const seen = new Map<string, boolean>();
    const open: { place: Place; inputs: WiredStep['inputs']; throughPruning: boolean }[] = [];
    const reach = (round: number, name: string, throughPruning: boolean) => {
      const key = `${round} ${name}`;
      const before = seen.get(key);
      if (before === false || before === throughPruning) return;
      seen.set(key, throughPruning);
      const step = this.arm.wiring!.get(round)?.find((each) => each.step === name);
      if (step !== undefined)
        open.push({ place: { round, step: name, stage: step.stage }, inputs: step.inputs, throughPruning });
    };
    const stages = new Set([...trainingStages(this.#study, this.arm.declaration), 'train']);
    for (const [round, steps] of this.arm.wiring!)
      for (const { step, stage } of steps)
        if ((stages.has(stage) && round > 0) || this.#gatheredAs(step).includes('evaluations'))
          reach(round, step, false);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { place, inputs } = next;
      const isApart = NOT_OF_TRAINING.some((input) => this.#gatheredAs(place.step).includes(input));
      const isOfWeights = OF_WEIGHTS.includes(place.stage) || stages.has(place.stage) || this.#goesBack(place);
      if (isOfWeights || (!isApart && !next.throughPruning)) found.set(`${place.round} ${place.step}`, place);
      const isPruning = isApart && !this.#gatheredAs(place.step).includes('evaluations');
      if (this.#isDrawn(place)) continue;
      for (const source of Object.values(inputs)) {
        const { step, round } = producerOf(source, place.round);
        reach(round, step, next.throughPruning || isPruning);
      }
    }
    const places = new Map<number, Place[]>();
    for (const place of [...found.values()].sort((a, b) => a.round - b.round || (a.step < b.step ? -1 : 1)))
      addTo(places, place.round, place);
    return places;
  }

  #gatheredAs(step: string): readonly string[] {
    return entryOf(this.#study.steps, step)?.gatheredAs ?? [];
  }

  /** Whether weights are drawn anew, whatever is loaded beside it. */
  #isDrawn({ round, step, stage }: Place): boolean {
    return stage === 'init' && this.#param({ round, step }, 'init', 'scheme') !== 'pretrained';
  }

  /** Whether a training goes on from other weights than the last one left. */
  #goesBack({ round, step, stage }: Place): boolean {
    return stage === 'rewind' && (this.#param({ round, step }, 'rewind', 'to') ?? 'none') !== 'none';
  }

  #values(place: Place): Record<string, unknown> {
    const facts = this.#facts(place).filter(({ value }) => value !== undefined && value !== null);
    return Object.fromEntries(facts.map(({ param, value }) => [param, value]));
  }

  #facts({ round, step, stage }: Place): CourseFact[] {
    const { params, steps } = this.arm.declaration;
    const names = new Set([
      ...Object.keys(entryOf(params, stage) ?? {}),
      ...Object.keys(entryOf(steps, step)?.params ?? {}),
    ]);
    return [...names]
      .filter((param) => !(entryOf(IGNORED, stage) ?? []).includes(param))
      .sort()
      .map((param) => {
        const isOwn = Object.hasOwn(entryOf(steps, step)?.params ?? {}, param);
        const value = this.arm.valueAt({ step, stage }, param, round);
        return {
          round,
          step,
          stage,
          param,
          place: `${round} ${step}`,
          value,
          variable: `${isOwn ? step : stage}.${param}`,
        };
      });
  }

  /** A parameter of a stage of swp, as a step has it in a round. */
  #param<Stage extends StageName, Name extends ParamName<Stage>>(
    { round, step }: Pick<Place, 'round' | 'step'>,
    stage: Stage,
    name: Name,
  ): ParamValue<Stage, Name> | undefined {
    // The stage's schema has checked it.
    return this.arm.valueAt({ step, stage }, name, round) as ParamValue<Stage, Name> | undefined;
  }
}

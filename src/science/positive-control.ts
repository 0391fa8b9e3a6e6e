/** Which positive control shows what an experiment's training does without its pruning. */
import { canonicalJson, entryOf, type JsonValue } from '../base/json.ts';
import { isDeepStrictEqual } from 'node:util';
import { groupBy } from '../base/groups.ts';
import type { ExperimentDeclaration, StudyDeclaration } from '../generated/aggregate.ts';
import { declaredValue, isByRound, trainings, trainingStages } from './study-declaration.ts';

/** Stages whose parameters say how a run starts and trains. */
const OF_TRAINING = ['load-pretrained', 'init', 'train'];

/** How the mask is kept does not matter to what prunes nothing. */
function isOfMask(stage: string, name: string): boolean {
  return stage === 'train' && name === 'mask';
}

/**
 * Whether a control starts and trains as an experiment does, round by round, for at least as many trainings. How the
 * mask is kept (train.mask) does not matter to what prunes nothing.
 */
export function trainsAlike(
  study: StudyDeclaration,
  control: ExperimentDeclaration,
  experiment: ExperimentDeclaration,
): boolean {
  if (control.model !== experiment.model || trainings(control) < trainings(experiment)) return false;
  const rounds = Array.from({ length: trainings(experiment) }, (_, index) => index + 1);
  const own = [control, experiment].flatMap((each) => trainingStages(study, each));
  return [...new Set([...OF_TRAINING, ...own])].every((stage) => {
    const names = [
      ...new Set([control, experiment].flatMap(({ params }) => Object.keys(entryOf(params, stage) ?? {}))),
    ];
    return names
      .filter((name) => !isOfMask(stage, name))
      .every((name) =>
        rounds.every((round) =>
          isDeepStrictEqual(valueIn(control, stage, name, round), valueIn(experiment, stage, name, round)),
        ),
      );
  });
}

/**
 * The controls of a study, to be searched for many experiments: only controls whose first training is the same are
 * compared with an experiment round by round.
 */
export class ControlSearch<Control extends { experiment: ExperimentDeclaration }> {
  readonly #byTraining: Map<string, Control[]>;

  /** @param all the first of those that fit is found */
  constructor(
    readonly study: StudyDeclaration,
    readonly all: readonly Control[],
  ) {
    this.#byTraining = groupBy(all, ({ experiment }) => firstTraining(experiment));
  }

  /** The first control that trains as an experiment does. @param fits what else is asked of it */
  find(
    experiment: ExperimentDeclaration,
    fits: (control: ExperimentDeclaration) => boolean = () => true,
  ): Control | undefined {
    const candidates = trainings(experiment) > 0 ? this.#byTraining.get(firstTraining(experiment)) : this.all;
    return candidates?.find(
      (control) => fits(control.experiment) && trainsAlike(this.study, control.experiment, experiment),
    );
  }
}

/** The same for all experiments that train alike: the parameters of the start and of the first training. */
function firstTraining(experiment: ExperimentDeclaration): string {
  const stages = OF_TRAINING.map((stage) => {
    const names = Object.keys(experiment.params[stage] ?? {}).filter((name) => !isOfMask(stage, name));
    const values = names.map((name) => [name, valueIn(experiment, stage, name, 1) ?? null]);
    return values.filter(([, value]) => value !== null).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  });
  return canonicalJson([experiment.model ?? null, stages] as JsonValue);
}

/** Whether two experiments have as many rounds, and both or neither a final training: their ends can be compared. */
export function sameLength(a: ExperimentDeclaration, b: ExperimentDeclaration): boolean {
  return a.rounds === b.rounds && a.finalTrain === b.finalTrain;
}

export function isPositiveControl({ role }: ExperimentDeclaration): boolean {
  return role === 'positive-control';
}

/** Of stages in no round, every round is the same. */
function valueIn(experiment: ExperimentDeclaration, stage: string, name: string, round: number): unknown {
  const value = declaredValue(experiment, stage, name);
  return isByRound(experiment, stage, name) ? (value as unknown[])[round - 1] : value;
}

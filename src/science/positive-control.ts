/** Which positive control shows what an experiment's training does without its pruning. */
import { isDeepStrictEqual } from 'node:util';
import type { ExperimentDeclaration, StudyDeclaration } from '../generated/aggregate.ts';
import { declaredValue, isByRound, trainings, trainingStages } from './study-declaration.ts';

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
  return [...new Set(['load-pretrained', 'init', 'train', ...own])].every((stage) => {
    const names = new Set([control, experiment].flatMap(({ params }) => Object.keys(params[stage] ?? {})));
    if (stage === 'train') names.delete('mask');
    return [...names].every((name) =>
      rounds.every((round) =>
        isDeepStrictEqual(valueIn(control, stage, name, round), valueIn(experiment, stage, name, round)),
      ),
    );
  });
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

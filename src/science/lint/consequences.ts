/**
 * What follows from a declaration before anything has run: the sparsity that an arm ends with, and how much it trains.
 */
import type { Arm } from './arm.ts';

/**
 * Fraction of the prunable weights that will be zero after the last prune; what is forced besides is a few weights.
 * @returns undefined where a stage of the study's own prunes
 */
export function finalSparsity(arm: Arm): number | undefined {
  if (arm.foreignPruning.length > 0) return undefined;
  let sparsity = 0;
  for (const [round, step] of runsOf(arm, 'prune')) {
    const fraction = arm.paramIn('prune', 'fraction', round, step) ?? 0;
    const of = arm.paramIn('prune', 'of', round, step);
    // A mask that is released is not handed on: the next prune starts from none.
    const before = arm.paramIn('train', 'mask', round) === 'release' ? 0 : sparsity;
    if (of === 'total') sparsity = Math.min(1, before + fraction);
    else if (of === 'cumulative') sparsity = Math.max(before, fraction);
    else sparsity = before + (1 - before) * fraction;
  }
  return sparsity;
}

/**
 * Training steps over all rounds; of a run without rounds those outside them.
 * @returns undefined where a stage of the study's own trains
 */
export function totalSteps(arm: Arm): number | undefined {
  return sumOverTrainings(arm, (round, step) => arm.paramIn('train', 'steps', round, step));
}

/** Training sequences over all rounds; undefined as `totalSteps` is. */
export function sequencesSeen(arm: Arm): number | undefined {
  return sumOverTrainings(arm, (round, step) => {
    const steps = arm.paramIn('train', 'steps', round, step);
    const size = arm.paramIn('train', 'batchSize', round, step);
    return steps === undefined || size === undefined ? undefined : steps * size;
  });
}

/** Whether the arm makes weights zero in order of a criterion, so that sparsity grows. */
export function prunes(arm: Arm): boolean {
  return (finalSparsity(arm) ?? 1) > 0;
}

/** Trainings of the rounds: one before them, such as a rewinding point, is an early stop of the first. */
function trainings(arm: Arm): [round: number, step: string][] {
  const all = runsOf(arm, 'train');
  const inRounds = all.filter(([round]) => round > 0);
  return inRounds.length > 0 ? inRounds : all;
}

/** Where a stage runs; by the declared rounds where the declaration does not tell. */
function runsOf(arm: Arm, stage: string): [round: number, step: string][] {
  if (arm.wiring === undefined) {
    const last = stage === 'train' ? arm.lastRound : arm.declaration.rounds;
    return Array.from({ length: last }, (_, index) => [index + 1, stage]);
  }
  return [...arm.wiring].flatMap(([round, steps]) =>
    steps.filter((each) => each.stage === stage).map(({ step }): [number, string] => [round, step]),
  );
}

/** Undefined where it is not known of every training. */
function sumOverTrainings(arm: Arm, valueOf: (round: number, step: string) => number | undefined): number | undefined {
  if (arm.foreignTraining.length > 0) return undefined;
  let total = 0;
  for (const [round, step] of trainings(arm)) {
    const value = valueOf(round, step);
    if (value === undefined) return undefined;
    total += value;
  }
  return total;
}

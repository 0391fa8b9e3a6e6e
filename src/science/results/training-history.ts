/** How much training is behind the weights with which an arm ends, and where it came from. */
import type { StudyDeclaration } from '../../generated/aggregate.ts';
import type { RunResult } from '../../generated/results.ts';
import { Arm as DeclaredArm } from '../lint/arm.ts';
import { producerOf } from '../study-declaration.ts';
import type { Arm } from './paired-difference.ts';

export interface TrainingHistory {
  /** Steps of the checkpoint that the weights come from; 0 where they were drawn, null where nobody knows. */
  pretraining: number | null;
  /** Steps of the run itself that its last weights went through; undefined while a training is missing. */
  steps(run: RunResult): number | undefined;
}

/**
 * A run that goes back to other weights after a prune (rewind.to) leaves behind what it had trained, and with fresh
 * weights its pretraining as well.
 * @param pretrained training steps of the models' checkpoints, by model
 */
export function trainingHistory(
  study: StudyDeclaration,
  { experiment }: Arm,
  pretrained: ReadonlyMap<string, number>,
): TrainingHistory {
  const arm = new DeclaredArm(experiment, study);
  const last = lastReturn(arm);
  const scheme = arm.paramIn('init', 'scheme', 0);
  const isLoaded = last?.to === 'pretrained' || (last?.to !== 'fresh' && (scheme ?? 'pretrained') === 'pretrained');
  const hasCheckpoint = isLoaded && arm.hasStage('load-pretrained');
  const model = arm.paramIn('load-pretrained', 'model', 0) ?? experiment.model;
  return {
    pretraining: hasCheckpoint ? (pretrained.get(model) ?? null) : 0,
    steps: ({ curves, missing }) => {
      if (missing.some(({ artifact }) => artifact === 'curve')) return undefined;
      const since = curves.filter(({ round }) => last === undefined || round > last.round);
      const kept = last?.to === 'step' ? (arm.paramIn('train', 'steps', 0, last.point) ?? 0) : 0;
      return since.reduce((sum, { steps }) => sum + steps, kept);
    },
  };
}

/**
 * The last return to other weights from which a training goes on; `point` is the step that trained them, where one
 * did.
 */
function lastReturn(arm: DeclaredArm): { round: number; to: string; point: string } | undefined {
  for (let round = arm.lastRound - 1; round > 0; round--) {
    const to = arm.paramIn('rewind', 'to', round) ?? 'none';
    const step = arm.wiring?.get(round)?.find(({ stage }) => stage === 'rewind');
    const source = step?.inputs['point'];
    const point = source === undefined ? 'rewind-point' : producerOf(source, round).step;
    if (to !== 'none' && (arm.wiring === undefined || step !== undefined)) return { round, to, point };
  }
  return undefined;
}

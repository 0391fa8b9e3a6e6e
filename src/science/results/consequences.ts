/** What else came out differently between two arms, because of what was varied: it may be what makes the difference. */
import { isDeepStrictEqual } from 'node:util';
import type { ExperimentDeclaration, StudyDeclaration } from '../../generated/aggregate.ts';
import type { Consequence, MeasuredPruning, RunResult } from '../../generated/results.ts';
import { spread } from '../statistics/spread.ts';
import { paramIn } from '../study-declaration.ts';
import { known } from './computations.ts';
import { distinctEnds, type Arm } from './paired-difference.ts';
import { trainingHistory } from './training-history.ts';

/**
 * What the arms' runs did differently, whatever was varied, of what can make a difference by itself: their training and
 * pretraining, how much and how often they were pruned, and on what they were evaluated. Means over runs, where they
 * differ or one of them is unknown.
 * @param pretrained training steps of the models' checkpoints, by model
 */
export function consequences(
  study: StudyDeclaration,
  arm: Arm,
  baseline: Arm,
  pretrained: ReadonlyMap<string, number>,
): Consequence[] {
  const arms = [baseline, arm].map((each) => ({ ...each, history: trainingHistory(study, each, pretrained) }));
  const compare = (what: Consequence['what'], of: (own: (typeof arms)[number]) => number | null): Consequence[] => {
    const [theirs = null, ours = null] = arms.map(of);
    const same =
      ours === null || theirs === null
        ? ours === theirs
        : Math.abs(ours - theirs) <= 1e-9 * Math.max(1, Math.abs(theirs));
    return same ? [] : [{ what, baseline: theirs, arm: ours }];
  };
  const total = compare('total steps', ({ runs }) => meanOverEnds(runs, ({ measured }) => measured?.step));
  const kept = compare('steps of the last weights', ({ runs, history }) =>
    meanOverEnds(runs, ({ run }) => history.steps(run)),
  );
  return [
    ...compare('pretraining steps', ({ history }) => history.pretraining),
    ...total,
    // Without a return to other weights they are the same.
    ...(kept.length === 1 && isDeepStrictEqual({ ...kept[0]!, what: 'total steps' }, total[0]) ? [] : kept),
    ...compare('sequences seen', ({ experiment, runs }) =>
      meanOverEnds(runs, ({ run }) => sequencesSeen(experiment, run)),
    ),
    ...compare('final sparsity', ({ runs }) => meanOverEnds(runs, ({ measured }) => measured?.sparsity)),
    ...compare('prunes', ({ runs }) => meanOverEnds(runs, ({ run }) => prunings(run)?.length)),
    ...compare('weights protected', ({ runs }) =>
      meanOverEnds(runs, ({ run }) => {
        const pruned = prunings(run);
        return pruned && (pruned.at(-1)?.protected ?? 0);
      }),
    ),
    ...compare('weights pruned by name', ({ runs }) =>
      meanOverEnds(runs, ({ run }) => prunings(run)?.reduce((sum, { forced }) => sum + forced, 0)),
    ),
    ...compare('tokens evaluated', ({ runs }) => meanOverEnds(runs, ({ measured }) => measured?.evaluation?.tokens)),
  ];
}

/** What pruned something, in order of time; undefined while a prune is missing, since it may have pruned as well. */
function prunings({ measurements, missing }: RunResult): MeasuredPruning[] | undefined {
  if (missing.some(({ artifact }) => artifact === 'pruning')) return undefined;
  return measurements.flatMap(({ pruning }) => (pruning !== null && pruning.prunedNow > 0 ? [pruning] : []));
}

type End = ReturnType<typeof distinctEnds>[number][number];

/** Over computations: runs that end as copies of others count once. */
function meanOverEnds(runs: RunResult[], of: (end: End) => number | null | undefined): number | null {
  return spread(distinctEnds(runs).flatMap((same) => known(same, of))).mean;
}

/**
 * Training sequences of a whole run: training steps times batch size over its rounds; undefined while a training is
 * missing.
 */
function sequencesSeen(experiment: ExperimentDeclaration, run: RunResult): number | undefined {
  if (run.missing.some(({ artifact }) => artifact === 'curve') || run.curves.length === 0) return undefined;
  let sequences = 0;
  for (const { round, steps } of run.curves) {
    const size = paramIn(experiment, 'train', 'batchSize', round);
    if (size === undefined) return undefined;
    sequences += steps * size;
  }
  return sequences;
}

/** What else came out differently between two arms, because of what was varied: it may be what makes the difference. */
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { Consequence, RunResult } from '../../generated/results.ts';
import { spread } from '../statistics/spread.ts';
import { paramIn } from '../study-declaration.ts';
import { known } from './computations.ts';
import { distinctEnds, type Arm } from './paired-difference.ts';

/**
 * Final sparsity, training steps and sequences seen, where the arms' means over runs differ or one of them is unknown.
 */
export function consequences(arm: Arm, baseline: Arm): Consequence[] {
  const compare = (what: Consequence['what'], of: (own: Arm) => number | null): Consequence[] => {
    const ours = of(arm);
    const theirs = of(baseline);
    const same =
      ours === null || theirs === null
        ? ours === theirs
        : Math.abs(ours - theirs) <= 1e-9 * Math.max(1, Math.abs(theirs));
    return same ? [] : [{ what, baseline: theirs, arm: ours }];
  };
  return [
    ...compare('final sparsity', ({ runs }) => meanOverEnds(runs, ({ measured }) => measured?.sparsity)),
    ...compare('total steps', ({ runs }) => meanOverEnds(runs, ({ measured }) => measured?.step)),
    ...compare('sequences seen', ({ experiment, runs }) =>
      meanOverEnds(runs, ({ run }) => sequencesSeen(experiment, run)),
    ),
  ];
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

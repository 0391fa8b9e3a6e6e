/** Whether the super weights of two arms survived differently often, counted in computations. */
import type {
  Measurement,
  SurvivalCount,
  SurvivalResult,
  SurvivalTest,
  WeightSurvival,
} from '../../generated/results.ts';
import { fisherTest } from '../statistics/fisher.ts';
import { mcNemarTest } from '../statistics/mcnemar.ts';
import { proportion } from '../statistics/proportion.ts';
import { survivalOf, type Same } from './computations.ts';
import { copiedPairs, distinctEnds, pairedEnds, type Arm, type Effect } from './paired-difference.ts';

type Metric = SurvivalTest['metric'];

const SURVIVED: Record<Metric, (weight: WeightSurvival) => Outcome> = {
  kept: ({ kept }) => kept,
  functional: ({ functional }) => functional,
  redetected: ({ redetection }) => (redetection === 'not-sought' ? 'not-sought' : redetection === 'same'),
};

/**
 * One kind of survival of the primary super weights at the end of both arms. Arms that declare a seed in common are
 * paired by seed and tested by McNemar's exact test over the seeds known in both; arms that declare none by Fisher's.
 * Computations count once, not the runs that are copies of them. One in which nothing emerged, or nothing was sought
 * that could be found again, takes no part in k of n or in a pair. Arms of which every pair is one computation have no
 * test. Holm's adjustment and the verdict are filled in when the whole family is known.
 */
export function survivalTest(
  metric: Metric,
  arm: Arm,
  baseline: Arm,
  confidence: number,
): { result: SurvivalTest; effect: Effect } {
  const ends = pairedEnds(arm, baseline);
  const ours = outcomes(arm, metric);
  const theirs = outcomes(baseline, metric);
  const known = ends.flatMap((end) => {
    const [survived, other] = [ours.get(end.seed)!, theirs.get(end.seed)!];
    return typeof survived === 'boolean' && typeof other === 'boolean' ? [{ ...end, survived, other }] : [];
  });
  const copies = new Set(copiedPairs(known));
  const pairs = known.filter((pair) => !copies.has(pair));
  const discordant = {
    armOnly: pairs.filter(({ survived, other }) => survived && !other).length,
    baselineOnly: pairs.filter(({ survived, other }) => !survived && other).length,
  };
  const armCount = survivalCount(arm, metric, confidence);
  const baselineCount = survivalCount(baseline, metric, confidence);
  const paired = ends.length > 0;
  const neverActed = known.length > 0 && known.every((pair) => pair.arm === pair.baseline);
  const tested = paired
    ? mcNemarTest(discordant.armOnly, discordant.baselineOnly, pairs.length)
    : fisherTest(armCount.proportion, baselineCount.proportion);
  const result: SurvivalTest = {
    metric,
    arm: arm.experiment.id,
    baseline: baseline.experiment.id,
    armCount,
    baselineCount,
    pairs: pairs.length,
    discordant: paired ? discordant : null,
    test: tested === undefined || neverActed ? null : { name: paired ? 'mcnemar' : 'fisher', ...tested },
    holm: null,
    verdict: 'no-data',
  };
  return { result, effect: neverActed ? 'never-acted' : result.test === null ? 'no-data' : 'measured' };
}

/** Whether a primary super weight survived to the end. */
type Outcome = boolean | 'none-emerged' | 'not-sought' | 'missing';

/** By seed. */
function outcomes({ runs }: Arm, metric: Metric): Map<number, Outcome> {
  const ends = distinctEnds(runs);
  return new Map(
    ends.flatMap((same) => {
      const outcome = outcomeOf(survivalOf(measurementsOf(same)), metric);
      return same.map(({ run }) => [run.seed, outcome] as const);
    }),
  );
}

function outcomeOf(survival: SurvivalResult | undefined, metric: Metric): Outcome {
  if (survival?.status === 'none-emerged') return 'none-emerged';
  const primary = survival?.weights[0];
  return primary === undefined ? 'missing' : SURVIVED[metric](primary);
}

function survivalCount({ runs }: Arm, metric: Metric, confidence: number): SurvivalCount {
  const all = distinctEnds(runs).map((same) => outcomeOf(survivalOf(measurementsOf(same)), metric));
  const count = (outcome: Outcome) => all.filter((each) => each === outcome).length;
  return {
    proportion: proportion(count(true), count(true) + count(false), confidence),
    copies: runs.length - all.length,
    noneEmerged: count('none-emerged'),
    notSought: count('not-sought'),
    missing: count('missing'),
  };
}

function measurementsOf([first, ...others]: ReturnType<typeof distinctEnds>[number]): Same<Measurement | undefined> {
  return [first.measured, ...others.map(({ measured }) => measured)];
}

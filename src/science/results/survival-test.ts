/** Whether the super weights of two arms survived differently often, counted in runs. */
import type { SurvivalCount, SurvivalTest, WeightSurvival } from '../../generated/results.ts';
import { fisherTest } from '../statistics/fisher.ts';
import { mcNemarTest } from '../statistics/mcnemar.ts';
import { proportion } from '../statistics/proportion.ts';
import { lastMeasurements, type Arm, type Effect } from './paired-difference.ts';

type Metric = SurvivalTest['metric'];

const SURVIVED: Record<Metric, (weight: WeightSurvival) => boolean> = {
  kept: ({ kept }) => kept,
  functional: ({ functional }) => functional,
  redetected: ({ redetection }) => redetection === 'same',
};

/** What the loss says of the same two arms. */
interface Pairing {
  effect: Effect;
  /** Seeds that are copies of others. */
  copies: number[];
  confidence: number;
}

/**
 * One kind of survival of the primary super weights at the end of both arms. Arms that declare a seed in common are
 * paired by seed and tested by McNemar's exact test over the seeds known in both; arms that declare none by Fisher's. A
 * run in which nothing emerged takes no part in k of n or in a pair. Identical arms have no test. Holm's adjustment and
 * the verdict are filled in when the whole family is known.
 */
export function survivalTest(
  metric: Metric,
  arm: Arm,
  baseline: Arm,
  { effect, copies, confidence }: Pairing,
): SurvivalTest {
  const ours = outcomes(arm, metric);
  const theirs = outcomes(baseline, metric);
  const bySeed = new Map(theirs.map((outcome) => [outcome.seed, outcome]));
  const shared = ours.filter(({ seed }) => bySeed.has(seed));
  const copied = new Set(copies);
  const pairs = shared.flatMap(({ seed, survived }) => {
    const other = bySeed.get(seed)!.survived;
    return typeof survived !== 'boolean' || typeof other !== 'boolean' || copied.has(seed) ? [] : [{ survived, other }];
  });
  const discordant = {
    armOnly: pairs.filter(({ survived, other }) => survived && !other).length,
    baselineOnly: pairs.filter(({ survived, other }) => !survived && other).length,
  };
  const armCount = survivalCount(ours, confidence);
  const baselineCount = survivalCount(theirs, confidence);
  const paired = shared.length > 0;
  const result = paired
    ? mcNemarTest(discordant.armOnly, discordant.baselineOnly, pairs.length)
    : fisherTest(armCount.proportion, baselineCount.proportion);
  return {
    metric,
    arm: arm.experiment.id,
    baseline: baseline.experiment.id,
    armCount,
    baselineCount,
    pairs: pairs.length,
    discordant: paired ? discordant : null,
    test: result === undefined || effect === 'never-acted' ? null : { name: paired ? 'mcnemar' : 'fisher', ...result },
    holm: null,
    verdict: 'no-data',
  };
}

/** Whether a declared run's primary super weight survived to the end. */
interface Outcome {
  seed: number;
  survived: boolean | 'none-emerged' | 'missing';
}

function outcomes({ runs }: Arm, metric: Metric): Outcome[] {
  return lastMeasurements(runs).map(({ run, measured }) => {
    const survival = measured?.survival;
    if (survival?.status === 'none-emerged') return { seed: run.seed, survived: 'none-emerged' };
    const primary = survival?.weights[0];
    return { seed: run.seed, survived: primary === undefined ? 'missing' : SURVIVED[metric](primary) };
  });
}

function survivalCount(all: Outcome[], confidence: number): SurvivalCount {
  const known = all.filter(({ survived }) => typeof survived === 'boolean');
  const count = (survived: Outcome['survived']) => all.filter((run) => run.survived === survived).length;
  return {
    proportion: proportion(count(true), known.length, confidence),
    noneEmerged: count('none-emerged'),
    missing: count('missing'),
  };
}

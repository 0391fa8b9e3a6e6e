/**
 * The paired difference of log-perplexity between two arms of a declared comparison, with every test that says
 * something about it.
 */
import type { ComparisonDeclaration, StudyDeclaration } from '../../generated/aggregate.ts';
import type { TestedDifference } from '../../generated/results.ts';
import { hedgesG } from '../statistics/effect-size.ts';
import { detectableDifference, pairsNeeded } from '../statistics/power.ts';
import { signFlipTest } from '../statistics/sign-flip.ts';
import { signedRankTest } from '../statistics/signed-rank.ts';
import { variedSpread } from '../statistics/spread.ts';
import { pairedTTest } from '../statistics/student-t.ts';
import { differingBesides } from './also-differs.ts';
import { effectOf, independentDifferences, pairedDifference, type Arm } from './paired-difference.ts';

/**
 * The difference with its tests, before its family is adjusted, which fills in holm, verdict and attainableFrom. Where
 * the comparison does not declare `loss`, the points and their interval stand there and no test.
 */
export function testedDifference(
  arm: Arm,
  baseline: Arm,
  { varies, metrics }: ComparisonDeclaration,
  study: StudyDeclaration,
): Omit<TestedDifference, 'consequences' | 'masks'> {
  const { alpha, confidence } = study.analysis;
  const besides = differingBesides(study, arm.experiment, baseline.experiment, varies);
  const difference = pairedDifference(arm, baseline, besides, confidence);
  const untested = { hedgesG: null, tTest: null, signFlip: null, wilcoxon: null, holm: null, power: null };
  if (!metrics.includes('loss')) return { ...difference, ...untested, verdict: 'not-declared' };
  const effect = effectOf(difference);
  if (effect !== 'measured') return { ...difference, ...untested, verdict: effect };
  const values = independentDifferences(difference);
  return {
    ...difference,
    hedgesG: hedgesG(values, confidence) ?? null,
    tTest: pairedTTest(values) ?? null,
    signFlip: signFlipTest(values) ?? null,
    wilcoxon: signedRankTest(values) ?? null,
    holm: null,
    power: power(values, alpha),
    verdict: 'cannot-be-significant',
  };
}

function power(differences: number[], alpha: number): TestedDifference['power'] {
  const varied = variedSpread(differences);
  const needed = varied === undefined ? undefined : pairsNeeded(varied.mean / varied.sd, alpha);
  return {
    seedsNeeded: needed ?? null,
    detectable: detectableDifference(differences.length, alpha) ?? null,
    attainableFrom: 0,
  };
}

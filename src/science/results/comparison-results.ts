/** What the study's declared comparisons came to. */
import type { ComparisonDeclaration } from '../../generated/aggregate.ts';
import type { ComparisonResult, TestedDifference } from '../../generated/results.ts';
import { pairedDifference, type Arm } from './paired-difference.ts';

/** Each further arm of a comparison against its first. */
export function comparisonResult(comparison: ComparisonDeclaration, all: Arm[]): ComparisonResult {
  const { name, question, topic, family, metrics, varies, accept } = comparison;
  const arms = comparison.arms.flatMap((id) => all.find(({ experiment }) => experiment.id === id) ?? []);
  const [baseline, ...others] = arms;
  return {
    name,
    question,
    topic,
    family,
    metrics,
    varies,
    arms: arms.map(({ experiment }) => experiment.id),
    accepted: accept,
    lint: [],
    differences: baseline === undefined ? [] : others.map((arm) => testedDifference(arm, baseline, varies)),
    survivalTests: [],
  };
}

function testedDifference(arm: Arm, baseline: Arm, varies: string[]): TestedDifference {
  const difference = pairedDifference(arm, baseline, varies);
  return {
    ...difference,
    hedgesG: null,
    tTest: null,
    signFlip: null,
    wilcoxon: null,
    holm: null,
    power: null,
    verdict: difference.n === 0 ? 'no-data' : 'cannot-be-significant',
    consequences: [],
    masks: null,
  };
}

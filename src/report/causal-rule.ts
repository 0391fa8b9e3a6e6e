/** The rule by which a weight counts as a super weight: every count of them depends on it, and is said with it. */
import { addTo } from '../base/groups.ts';
import { listed } from '../base/listed.ts';
import type { ExperimentDeclaration, StudyDeclaration } from '../generated/aggregate.ts';
import { declaredRules } from '../science/reference-sets.ts';

type Threshold = 'ordinaryQuantile' | 'spikeRatio' | 'minimumEffect' | 'controlFactor';

/** A threshold's values in the detections of an experiment: several where rounds or steps differ. */
export function thresholds(
  study: StudyDeclaration,
  experiment: ExperimentDeclaration,
  name: Threshold,
): readonly number[] {
  return [...new Set(declaredRules(study, experiment).all.map((rule) => rule[name]))];
}

/**
 * `A weight counts as a super weight where zeroing it costs at least 0.1 nats and 5 times its worst control (spike
 * ratio 1: the causal test alone decides).` Where experiments differ, each rule with those that have it; empty where
 * nothing is detected.
 * @param ids of the experiments that are spoken of; all unless given
 */
export function ruleText(study: StudyDeclaration, ids?: readonly string[]): string {
  const rules = rulesOf(study, ids, (experiment) => {
    const [effect, factor] = (['minimumEffect', 'controlFactor'] as const).map((name) =>
      alternatives(thresholds(study, experiment, name)),
    );
    const spikes = alternatives(thresholds(study, experiment, 'spikeRatio'));
    const quantiles = thresholds(study, experiment, 'ordinaryQuantile');
    const ordinary = quantiles.every((quantile) => quantile === 1)
      ? 'the ordinary maximum'
      : `what ordinary tokens reach (quantile ${alternatives(quantiles)} of their maxima)`;
    const gate = isCausalAlone(study, experiment)
      ? ` (${ALONE})`
      : `, and both its spikes are at least ${spikes} times ${ordinary}`;
    return `zeroing it costs at least ${effect} nats and ${factor} times its worst control${gate}`;
  });
  return rules === '' ? '' : `A weight counts as a super weight where ${rules}.`;
}

/** The same, to be put behind another sentence: with a space before it. */
export function ruleSentence(study: StudyDeclaration, ids?: readonly string[]): string {
  const text = ruleText(study, ids);
  return text === '' ? '' : ` ${text}`;
}

/** Behind a count, in a few words: `spike ratio 1: the causal test alone decides`. Empty where nothing is detected. */
export function shortRuleText(study: StudyDeclaration, ids?: readonly string[]): string {
  return rulesOf(study, ids, (experiment) =>
    isCausalAlone(study, experiment)
      ? ALONE
      : `spike ratio ${alternatives(thresholds(study, experiment, 'spikeRatio'))}`,
  );
}

/** The same in brackets, with a space before them. */
export function inBrackets(rule: string): string {
  return rule === '' ? '' : ` (${rule})`;
}

const ALONE = 'spike ratio 1: the causal test alone decides';

/** Whether the gate of spikes lets all pass: a maximum over all tokens is never below what ordinary ones reach. */
function isCausalAlone(study: StudyDeclaration, experiment: ExperimentDeclaration): boolean {
  return thresholds(study, experiment, 'spikeRatio').every((ratio) => ratio <= 1);
}

function rulesOf(
  study: StudyDeclaration,
  ids: readonly string[] | undefined,
  textOf: (experiment: ExperimentDeclaration) => string,
): string {
  const detecting = study.experiments.filter(
    (experiment) =>
      (ids === undefined || ids.includes(experiment.id)) && declaredRules(study, experiment).all.length > 0,
  );
  const byRule = new Map<string, string[]>();
  for (const experiment of detecting) addTo(byRule, textOf(experiment), experiment.id);
  if (byRule.size <= 1) return [...byRule.keys()].join('');
  const [most] = [...byRule.values()].sort((a, b) => b.length - a.length);
  const isOthers = (of: readonly string[]) => of === most && of.length > NAMED;
  return [...byRule]
    .sort(([, a], [, b]) => Number(isOthers(a)) - Number(isOthers(b)))
    .map(([text, of]) => `${text} in ${isOthers(of) ? 'the others' : listed(of)}`)
    .join('; ');
}

/** Experiments that share the commonest rule are named up to this many. */
const NAMED = 4;

function alternatives(values: readonly number[]): string {
  return values.map(String).join(' or ');
}

/** Question 2: how the initialisation changes whether a super weight is there, and whether it survives. */
import { listed } from '../../base/listed.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import { pruningStages } from '../../science/study-declaration.ts';
import { armsOf, comparisonsOf, isControl, isForced, resultOf, schemeOf } from '../arms.ts';
import { inBrackets, shortRuleText } from '../causal-rule.ts';
import { distinctArms, distinctFates, fateCounts, referenceGroups } from '../computations.ts';
import type { EffectGroup } from '../figures/effect-rows.ts';
import { lateEmergence, lateEmergenceContext, lateEmergenceText } from '../late-emergence.ts';
import { isLayerwise, prunedArms } from '../pruned-arms.ts';
import type { StudyResults } from '../read-results.ts';
import { treatmentOf } from '../treatment.ts';
import { counted } from '../wording.ts';
import { gap, named } from './parts.ts';
import type { Topic } from './topic.ts';

export const initialisation: Topic = {
  id: 'initialisation',
  name: 'Initialisation',
  question: 'How does the initialisation change whether a super weight is there, and whether it survives?',
  answer: schemesText,
  context: (results) => lateEmergenceContext(results, schemeArms(results)),
  brief: briefText,
  comparisons: (results) => comparisonsOf(results, 'initialisation'),
  experiments: (results) => schemeArms(results).map(({ id }) => id),
  gaps: (results, drawn) => [
    ...gap(
      new Set(schemeArms(results).map(schemeOf)).size < 2,
      'This profile has arms of one initialisation only: arms with another init.scheme would provide the comparison.',
    ),
    ...gap(
      comparisonsOf(results, 'initialisation').length === 0,
      'No comparison of this profile is declared for this question: one with the topic "initialisation" would be tested here.',
    ),
    ...gap(
      pruningStages(results.study).includes('prune') &&
        !prunedSchemeArms(results).some((arm) => isLayerwise(arm) && schemeOf(arm) !== 'pretrained'),
      'Whether an initialisation acts through the global threshold is not separated here: layerwise twins of the re-initialised arms would separate it.',
    ),
    ...gap(
      !drawn.has('emergence'),
      'When super weights appear in training is not known here: arms with the role "emergence" would show it.',
    ),
  ],
};

/** Arms of this question's comparisons, and plain ones, of which it is known whether a super weight was there. */
function schemeArms(results: StudyResults): ExperimentDeclaration[] {
  const compared = armsOf(results, 'initialisation');
  return results.study.experiments.filter(
    (experiment) =>
      !isControl(experiment) &&
      !isForced(experiment) &&
      (compared.includes(experiment) || (isPlain(results, experiment) && experiment.role !== 'emergence')) &&
      known(results, experiment),
  );
}

/** Those of them that a criterion prunes. */
export function prunedSchemeArms(results: StudyResults): ExperimentDeclaration[] {
  const arms = schemeArms(results);
  return prunedArms(results).filter((arm) => arms.includes(arm));
}

const NAMES: Record<string, string> = {
  pretrained: 'Pretrained',
  xavier: 'Xavier',
  kaiming: 'Kaiming',
  original: 'The family’s own scheme, from scratch',
};

export function groupsByScheme(results: StudyResults): EffectGroup[] {
  const arms = distinctArms(results, schemeArms(results));
  return [...new Set(arms.map(schemeOf))].map((scheme) => ({
    heading: NAMES[scheme] ?? scheme,
    ids: arms.filter((arm) => schemeOf(arm) === scheme).map(({ id }) => id),
  }));
}

/** Nothing is done to it besides pruning, be it by layer, and training. */
function isPlain({ study }: StudyResults, experiment: ExperimentDeclaration): boolean {
  return experiment.role === undefined || experiment.role === 'arm'
    ? ['', 'per layer'].includes(treatmentOf(study, experiment))
    : false;
}

function known(results: StudyResults, { id }: ExperimentDeclaration): boolean {
  const { confirmed, noneEmerged } = resultOf(results, id).reference;
  return confirmed + noneEmerged > 0;
}

function briefText(results: StudyResults): string {
  const groups = referenceGroups(results, schemeArms(results));
  if (groups.length === 0) return 'not known in this profile';
  const parts = groups.map(({ name, confirmed, known: n }) => `${name} ${confirmed}/${n}`);
  const ids = groups.flatMap((group) => group.ids);
  const { n, emerged } = lateEmergence(results, ids);
  if (emerged > 0) parts.push(`later in ${emerged}/${n} of the others`);
  return `a super weight was there in ${parts.join(', ')}${inBrackets(shortRuleText(results.study, ids))}`;
}

/**
 * In how many models one was there, by initialisation and by how long they had trained; and in how many of the runs
 * that go on from them it still mattered at the end.
 */
export function schemesText(results: StudyResults): string {
  const groups = referenceGroups(results, schemeArms(results));
  if (groups.length === 0) return 'Of no run of this profile is it known whether a super weight was there.';
  const parts = groups.map(({ name, steps, ids, confirmed, known: n }) => {
    const { n: ended, functional } = fateCounts(distinctFates(results, ids));
    const of = steps === 0 ? '' : ` of ${named(ids)}`;
    return `${name}, in ${confirmed} of ${counted(n, 'model')}${of}${ended === 0 ? '' : ` (it still mattered at the end of ${functional} of ${counted(ended, 'distinct run')} from there)`}`;
  });
  const ids = groups.flatMap((group) => group.ids);
  return `A super weight was there to be followed: ${listed(parts)}${inBrackets(shortRuleText(results.study, ids))}. Where none emerged, survival does not apply.${lateEmergenceText(results, schemeArms(results))}`;
}

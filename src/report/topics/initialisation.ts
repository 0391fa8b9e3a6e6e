/** Question 2: how the initialisation changes whether a super weight is there, and whether it survives. */
import { listed } from '../../base/listed.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import { pruningStages } from '../../science/study-declaration.ts';
import { armsOf, comparisonsOf, endOf, isControl, isForced, resultOf, schemeOf } from '../arms.ts';
import type { EffectGroup } from '../figures/effect-rows.ts';
import { isFollowed, isLayerwise, prunedArms } from '../pruned-arms.ts';
import type { StudyResults } from '../read-results.ts';
import { treatmentOf } from '../treatment.ts';
import { counted } from '../wording.ts';
import { gap } from './parts.ts';
import type { Topic } from './topic.ts';

export const initialisation: Topic = {
  id: 'initialisation',
  name: 'Initialisation',
  question: 'How does the initialisation change whether a super weight is there, and whether it survives?',
  answer: schemesText,
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
  const arms = schemeArms(results);
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
  const arms = schemeArms(results);
  const parts = [...new Set(arms.map(schemeOf))].map((scheme) => {
    const references = arms.filter((arm) => schemeOf(arm) === scheme).map(({ id }) => resultOf(results, id).reference);
    const there = references.reduce((sum, { confirmed }) => sum + confirmed, 0);
    return `${scheme} ${there}/${references.reduce((sum, { noneEmerged }) => sum + noneEmerged, there)}`;
  });
  return parts.length === 0 ? 'not known in this profile' : `a super weight was there in ${parts.join(', ')}`;
}

/** By scheme: in how many runs one was there, and in how many of those it still mattered at the end. */
export function schemesText(results: StudyResults): string {
  const arms = schemeArms(results);
  if (arms.length === 0) return 'Of no run of this profile is it known whether a super weight was there.';
  const parts = [...new Set(arms.map(schemeOf))].map((scheme) => {
    const own = arms.filter((arm) => schemeOf(arm) === scheme);
    const references = own.map(({ id }) => resultOf(results, id).reference);
    const there = references.reduce((sum, { confirmed }) => sum + confirmed, 0);
    const all = references.reduce((sum, { noneEmerged }) => sum + noneEmerged, there);
    const ends = own.filter((arm) => isFollowed(results, arm)).flatMap(({ id }) => endOf(results, id)?.survival ?? []);
    const n = ends.reduce((sum, survival) => sum + survival.n, 0);
    const matters = ends.reduce((sum, { functional }) => sum + functional.k, 0);
    return `${scheme}, in ${there} of ${counted(all, 'run')}${n === 0 ? '' : ` (at the end it still mattered in ${matters} of ${n})`}`;
  });
  return `A super weight was there to be followed, by initialisation: ${listed(parts)}. Where none emerged, survival does not apply.`;
}

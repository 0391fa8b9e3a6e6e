/** Question 2: how the initialisation changes whether a super weight is there, and whether it survives. */
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import { armsOf, comparisonsOf, endOf, isControl, isForced, parameter, resultOf, schemeOf } from '../arms.ts';
import { compositionFigure } from '../figures/composition.ts';
import { effectRowsFigure } from '../figures/effect-rows.ts';
import { emergenceFigure } from '../figures/emergence.ts';
import { forestFigure } from '../figures/forest-plot.ts';
import { differencesTable, survivalTestsTable } from '../page/comparison-tables.ts';
import type { StudyResults } from '../read-results.ts';
import { treatmentOf } from '../treatment.ts';
import { survivalSentences } from '../verdict-text.ts';
import { counted, listed } from '../wording.ts';
import { compositionText } from './composition-text.ts';
import { emergenceText } from './emergence-text.ts';
import { differencesText, gap, isFollowed, magnitudeArms, section } from './parts.ts';
import { TOPICS, type Answer } from './topic.ts';

const NAMES: Record<string, string> = {
  pretrained: 'Pretrained',
  xavier: 'Xavier',
  kaiming: 'Kaiming',
  original: 'The family’s own scheme, from scratch',
};

export function initialisationAnswer(results: StudyResults): Answer {
  const declared = comparisonsOf(results, 'initialisation');
  const compared = armsOf(results, 'initialisation');
  const arms = results.study.experiments.filter(
    (experiment) =>
      !isControl(experiment) &&
      !isForced(experiment) &&
      (compared.includes(experiment) || (isPlain(experiment) && experiment.role !== 'emergence')) &&
      known(results, experiment),
  );
  const schemes = [...new Set(arms.map(schemeOf))];
  const groups = schemes.map((scheme) => ({
    heading: NAMES[scheme] ?? scheme,
    ids: arms.filter((arm) => schemeOf(arm) === scheme).map(({ id }) => id),
  }));
  const pruned = magnitudeArms(results).filter((arm) => arms.includes(arm));
  const tests = declared.flatMap(({ survivalTests }) => survivalTests);
  const isLayerwise = (arm: ExperimentDeclaration) => parameter(arm, 'prune', 'scope') === 'layerwise';
  return {
    topic: TOPICS[1]!,
    answer: schemesText(results, arms),
    brief: briefText(results, arms),
    experiments: arms.map(({ id }) => id),
    content: () => {
      const emergence = emergenceFigure(results, '2d-emergence');
      return {
        sections: [
          ...section(
            effectRowsFigure(results, '2a-effect', groups),
            [schemesText(results, arms), survivalSentences(tests, 2)].join(' ').trim(),
            [survivalTestsTable(results, declared)],
          ),
          ...section(
            forestFigure(results, {
              id: '2b-differences',
              title: 'Final loss by initialisation',
              comparisons: declared,
            }),
            differencesText(declared),
            [differencesTable(results, declared)],
          ),
          ...section(
            compositionFigure(
              results,
              '2c-composition',
              pruned.map(({ id }) => id),
            ),
            compositionText(
              results,
              pruned,
              (arm) => `${schemeOf(arm)}, ${parameter(arm, 'prune', 'scope') ?? 'global'} threshold`,
            ),
          ),
          ...section(emergence, emergenceText(results)),
        ],
        gaps: [
          ...gap(
            schemes.length < 2,
            'This profile has arms of one initialisation only: arms with another init.scheme would provide the comparison.',
          ),
          ...gap(
            declared.length === 0,
            'No comparison of this profile is declared for this question: one with the topic "initialisation" would be tested here.',
          ),
          ...gap(
            !pruned.some((arm) => isLayerwise(arm) && schemeOf(arm) !== 'pretrained'),
            'Whether an initialisation acts through the global threshold is not separated here: layerwise twins of the re-initialised arms would separate it.',
          ),
          ...gap(
            emergence.plots.length === 0,
            'When super weights appear in training is not known here: arms with the role "emergence" would show it.',
          ),
        ],
      };
    },
  };
}

/** Nothing is done to it besides pruning, be it by layer, and training. */
function isPlain(experiment: ExperimentDeclaration): boolean {
  return experiment.role === undefined || experiment.role === 'arm'
    ? ['', 'per layer'].includes(treatmentOf(experiment))
    : false;
}

function known(results: StudyResults, { id }: ExperimentDeclaration): boolean {
  const { confirmed, noneEmerged } = resultOf(results, id).reference;
  return confirmed + noneEmerged > 0;
}

function briefText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const parts = [...new Set(arms.map(schemeOf))].map((scheme) => {
    const references = arms.filter((arm) => schemeOf(arm) === scheme).map(({ id }) => resultOf(results, id).reference);
    const there = references.reduce((sum, { confirmed }) => sum + confirmed, 0);
    return `${scheme} ${there}/${references.reduce((sum, { noneEmerged }) => sum + noneEmerged, there)}`;
  });
  return parts.length === 0 ? 'not known in this profile' : `a super weight was there in ${parts.join(', ')}`;
}

/** By scheme: in how many runs one was there, and in how many of those it still mattered at the end. */
function schemesText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
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

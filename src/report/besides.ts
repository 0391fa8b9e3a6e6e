/** What two arms differ in besides what was varied, and what makes their difference unfair, in words. */
import type { StudyDeclaration } from '../generated/aggregate.ts';
import type { Consequence, TestedDifference } from '../generated/results.ts';
import { foreignPruningStages, foreignTrainingStages } from '../science/study-declaration.ts';
import { decimal, percent } from './wording.ts';

const UNKNOWN = 'unknown';

/** Parameters by which a study says itself how much is trained or pruned: what follows from them is what was varied. */
const DECLARES: Partial<Record<Consequence['what'], RegExp>> = {
  'total steps': /\.steps$|^rounds$|^finalTrain$/,
  'sequences seen': /\.(steps|batchSize)$|^rounds$|^finalTrain$/,
  'final sparsity': /^prune\.(fraction|of|force|coordinates)$|^rounds$/,
};

/** A consequence in words: `3,500 training steps of pretraining in B1`, `total steps 180 → 600`. */
export function consequenceText({ what, baseline, arm }: Consequence, ids: { arm: string; baseline: string }): string {
  if (what === 'pretraining steps') {
    const longer = baseline === null || (arm !== null && baseline > arm) ? 'baseline' : 'arm';
    const [more, less] = longer === 'baseline' ? [baseline, arm] : [arm, baseline];
    if (more === null) return `its pretraining, of unknown length, in ${ids[longer]}`;
    const besides = less === null || less === 0 ? '' : ` against ${decimal(less, 0)}`;
    return `${decimal(more, 0)} training steps of pretraining in ${ids[longer]}${besides}`;
  }
  return `${what} ${amount(what, baseline, arm)} → ${amount(what, arm, baseline)}`;
}

/**
 * What gives one of the two an advantage that the comparison does not name: more training, or fewer weights pruned. The
 * difference is not of what was varied alone.
 * @param varies variables that the comparison names. Of a stage of the study's own that trains or prunes, any may say
 *   how much
 * @returns `pretraining`; empty for a fair comparison
 */
export function advantages(
  { consequences }: Pick<TestedDifference, 'consequences'>,
  varies: readonly string[],
  study: StudyDeclaration,
): string[] {
  const isOf = (stages: readonly string[], variable: string) =>
    stages.some((stage) => variable.startsWith(`${stage}.`));
  const unnamed = consequences.filter(({ what }) => {
    const declares = DECLARES[what];
    const own = what === 'final sparsity' ? foreignPruningStages(study) : foreignTrainingStages(study);
    return (
      ['pretraining steps', 'steps of the last weights', ...Object.keys(DECLARES)].includes(what) &&
      !varies.some((variable) => declares !== undefined && (declares.test(variable) || isOf(own, variable)))
    );
  });
  return [...new Set(unnamed.map(({ what }) => SHORT[what] ?? what))];
}

const SHORT: Partial<Record<Consequence['what'], string>> = {
  'pretraining steps': 'pretraining',
  'total steps': 'training steps',
  'steps of the last weights': 'training steps',
  'sequences seen': 'training steps',
  'final sparsity': 'sparsity',
};

/** Everything that differs besides, in a line; empty where nothing does. */
export function besidesText(difference: TestedDifference): string {
  const followed = difference.consequences.map((each) => consequenceText(each, difference));
  return [...difference.alsoDiffers, ...followed].join('; ');
}

/** @param other the amount that it differs from */
function amount(what: Consequence['what'], value: number | null, other: number | null): string {
  if (value === null) return UNKNOWN;
  const apart = other === null ? [] : [other];
  return what === 'final sparsity' ? percent(value, 1, apart) : decimal(value, 0, apart);
}

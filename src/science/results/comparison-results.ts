/**
 * What the study's declared comparisons came to: each further arm against the first, with tests whose p-values are
 * adjusted over the declared family. Nothing but a declared comparison is tested.
 */
import { groupBy } from '../../base/groups.ts';
import type { ComparisonDeclaration, StudyDeclaration } from '../../generated/aggregate.ts';
import type { ArmMasks, ComparisonResult, LintNote, SurvivalTest, TestedDifference } from '../../generated/results.ts';
import { effectOf, type Arm } from './paired-difference.ts';
import { adjustFamilies, type FamilyMember } from './family.ts';
import { consequences } from './consequences.ts';
import { survivalTest } from './survival-test.ts';
import { testedDifference } from './tested-difference.ts';

/** What else is known of the declared comparisons. */
export interface ComparisonContext {
  study: StudyDeclaration;
  /** Every declared experiment with its runs. */
  arms: Arm[];
  lint: LintNote[];
  /** Training steps of the models' checkpoints, by model; unknown of those that are left out. */
  pretrained: ReadonlyMap<string, number>;
  /** Masks of the same seed in two arms. */
  masks: (ArmMasks & { arm: string; baseline: string })[];
}

/** Every declared comparison, in the order of declaration. Arms that the profile does not run are left out of it. */
export function comparisonResults(context: ComparisonContext): ComparisonResult[] {
  const { study } = context;
  const arms = new Map(context.arms.map((arm) => [arm.experiment.id, arm]));
  const masks = new Map(context.masks.map((pair) => [pairOf(pair.arm, pair.baseline), pair] as const).reverse());
  const lint = groupBy(context.lint, (finding) => finding.comparison);
  const drafts = study.comparisons.map((comparison) =>
    draft(comparison, {
      study,
      pretrained: context.pretrained,
      armNamed: (id) => arms.get(id),
      masksOf: (arm, baseline) => masks.get(pairOf(arm, baseline)),
      lint: lint.get(comparison.name) ?? [],
    }),
  );
  adjustFamilies(
    drafts.flatMap(({ members }) => members),
    study.analysis.alpha,
  );
  return drafts.map(({ result }) => result);
}

/** A comparison before its p-values are adjusted, for which all tests of a family must be known. */
interface Draft {
  result: ComparisonResult;
  members: FamilyMember[];
}

interface DraftContext extends Pick<ComparisonContext, 'study' | 'pretrained' | 'lint'> {
  armNamed(id: string): Arm | undefined;
  masksOf(arm: string, baseline: string): ComparisonContext['masks'][number] | undefined;
}

function pairOf(arm: string, baseline: string): string {
  return `${arm} ${baseline}`;
}

/** @param context.lint what was found of this comparison */
function draft(comparison: ComparisonDeclaration, { study, pretrained, lint, armNamed, masksOf }: DraftContext): Draft {
  const { name, question, topic, family, metrics, varies, accept } = comparison;
  const arms = comparison.arms.flatMap((id) => armNamed(id) ?? []);
  const [baseline, ...others] = arms;
  const members: FamilyMember[] = [];
  const differences: TestedDifference[] = [];
  const survivalTests: SurvivalTest[] = [];
  for (const arm of baseline === undefined ? [] : others) {
    const against = masksOf(arm.experiment.id, baseline!.experiment.id);
    const difference = testedDifference(arm, baseline!, comparison, study);
    differences.push({
      ...difference,
      consequences: consequences(study, arm, baseline!, pretrained),
      masks: armMasks(against),
    });
    const effect = effectOf(difference);
    if (metrics.includes('loss'))
      members.push({ family, effect, result: differences.at(-1)!, test: difference.signFlip });
    for (const metric of metrics) {
      if (metric === 'loss') continue;
      // Survival may be known of runs whose loss is not, and arms without a common seed have counts, if no differences.
      const survival = survivalTest(metric, arm, baseline!, study.analysis.confidence);
      survivalTests.push(survival.result);
      members.push({ family, ...survival, test: survival.result.test });
    }
  }
  const result: ComparisonResult = {
    name,
    question,
    topic,
    family,
    metrics,
    varies,
    arms: arms.map(({ experiment }) => experiment.id),
    accepted: accept,
    lint,
    differences,
    survivalTests: survivalTests.sort((a, b) => metrics.indexOf(a.metric) - metrics.indexOf(b.metric)),
  };
  return { result, members };
}

function armMasks(found: ComparisonContext['masks'][number] | undefined): ArmMasks | null {
  return found === undefined ? null : { points: found.points, jaccard: found.jaccard, chance: found.chance };
}

/** Can the comparison show anything: pairs, controls, budgets, and enough seeds? */
import { smallest } from '../../base/extremes.ts';
import { entryOf } from '../../base/json.ts';
import { listed } from '../../base/listed.ts';
import { significant } from '../../base/number-text.ts';
import { pow } from '../../base/stated-math.ts';
import type { StudyDeclaration } from '../../generated/aggregate.ts';
import { attainableFrom } from '../statistics/attainable-from.ts';
import type { Arm } from './arm.ts';
import { armsOf, namesParameter, type Comparison } from './comparison.ts';
import { prunes, totalSteps } from './consequences.ts';
import type { Controls } from './controls.ts';
import { finding, type LintFinding } from './finding.ts';
import { distinctSeeds } from './replicates.ts';
import { countText } from './value-text.ts';

/** Differences are paired by seed: what only one arm has is lost. */
export function unpairedSeeds({ declaration, baseline, others }: Comparison): LintFinding[] {
  const text = (seeds: readonly number[]) => (seeds.length > 0 ? seeds.join(', ') : 'none');
  return others.flatMap((arm) => {
    const [own, other] = [baseline.declaration.seeds, arm.declaration.seeds];
    const ofOther = new Set(other);
    const common = own.filter((seed) => ofOther.has(seed));
    if (common.length === own.length && common.length === other.length) return [];
    return [
      finding(
        'unpaired-seeds',
        declaration.name,
        [baseline.id, arm.id],
        `${baseline.id} has the seeds ${text(own)}, ${arm.id} ${text(other)}: ${common.length === 0 ? 'no pair' : `${common.length} pair${common.length > 1 ? 's' : ''}, of seed ${text(common)}`}.`,
      ),
    ];
  });
}

/**
 * What a pruning comparison is read against: the same training without pruning (how much is pruning's doing?), a
 * pruning that must hurt (can the measure show it?), and, where how much or where is pruned is the question, the same
 * with random weights pruned (is it the criterion?) and with the super weights protected (is it them?).
 */
export function missingControl(comparison: Comparison, controls: Controls): LintFinding[] {
  const arms = armsOf(comparison);
  const pruning = arms.filter(prunes);
  if (pruning.length === 0) return [];
  const missing: string[] = [];
  const uncontrolled = pruning.filter((arm) => !controls.hasPositive(arm));
  if (uncontrolled.length > 0)
    missing.push(
      `a positive control (no pruning) with the training and start of ${listed(uncontrolled.map(({ id }) => id))}`,
    );
  if (!controls.hasNegative) missing.push('a negative control (pruning that must hurt)');
  if (
    comparison.declaration.varies.some((variable) => ['prune.fraction', 'prune.scope', 'prune.of'].includes(variable))
  ) {
    if (!pruning.some((arm) => controls.hasTwin(arm, 'prune.criterion', (value) => value === 'random')))
      missing.push('a twin of an arm that prunes as many at random (prune.criterion: random)');
    const isProtected = (value: unknown) => value !== 'none' && value !== undefined;
    if (!pruning.some((arm) => controls.hasTwin(arm, 'prune.protect', isProtected)))
      missing.push('a twin of an arm with its super weights protected (prune.protect)');
  }
  if (missing.length === 0) return [];
  return [
    finding(
      'missing-control',
      comparison.declaration.name,
      pruning.map(({ id }) => id),
      `This profile lacks ${missing.join('; ')}.`,
    ),
  ];
}

/** More training is an advantage, whatever else differs. Nothing is found where it is not known of an arm. */
export function unequalBudget(comparison: Comparison): LintFinding[] {
  if (namesParameter(comparison, 'steps')) return [];
  const arms = armsOf(comparison);
  const steps = arms.flatMap((arm) => {
    const total = totalSteps(arm);
    return total === undefined ? [] : [countText(total)];
  });
  if (steps.length < arms.length || new Set(steps).size === 1) return [];
  return [
    finding(
      'unequal-budget',
      comparison.declaration.name,
      arms.map(({ id }) => id),
      `The arms train for different numbers of steps, and no number of steps is named: ${arms.map(({ id }, index) => `${steps[index]} (${id})`).join(', ')}.`,
    ),
  ];
}

/**
 * Whether super weights are found again at the end can be told only where they are sought there: an arm whose last
 * detection tests the known places alone, or that has none, takes no part in a test of it.
 */
export function notSought({ declaration, baseline, others }: Comparison, study: StudyDeclaration): LintFinding[] {
  if (!declaration.metrics.includes('redetected')) return [];
  const unsought = [baseline, ...others].filter((arm) => arm.wiring !== undefined && !seeksAtEnd(arm, study));
  if (unsought.length === 0) return [];
  const ids = unsought.map(({ id }) => id);
  return [
    finding(
      'not-sought',
      declaration.name,
      ids,
      `The metric "redetected" asks whether super weights are found again at the end, and nothing is sought there in ${listed(ids)}: that test will have no data.`,
    ),
  ];
}

/** By the last detection of a run that says which model it looks at. */
function seeksAtEnd(arm: Arm, { steps }: StudyDeclaration): boolean {
  const detections = [...arm.wiring!].flatMap(([round, wired]) =>
    wired
      .filter(({ step, stage }) => stage === 'detect-sw' && entryOf(steps, step)?.measures !== undefined)
      .map((wiredStep) => ({ round, wiredStep })),
  );
  const last = detections.filter(({ round }) => round === Math.max(...arm.wiring!.keys())).at(-1);
  return last !== undefined && arm.valueAt(last.wiredStep, 'search', last.round) !== 'none';
}

/**
 * The exact two-sided sign-flip test of n pairs cannot give less than 2 / 2^n, and Holm's method asks the smallest
 * p-value of m for alpha / m. A test that cannot be significant with this n is reported before anything runs. Seeds
 * that change nothing are one.
 * @param members tests of the comparison's family
 */
export function sampleSize(comparison: Comparison, members: number, study: StudyDeclaration): LintFinding[] {
  const { alpha } = study.analysis;
  const { declaration, baseline, others } = comparison;
  const { family } = declaration;
  const seeds = new Set(baseline.declaration.seeds);
  const pairs = others.map((arm) => {
    const common = arm.declaration.seeds.filter((seed) => seeds.has(seed));
    return Math.min(...[baseline, arm].map((each) => distinctSeeds(each, study, common)));
  });
  const n = smallest(pairs);
  const needed = attainableFrom(members, alpha);
  if (n >= needed) return [];
  const alone = attainableFrom(1, alpha);
  const least = Math.min(1, 2 / pow(2, n));
  const text = (p: number) => significant(p, 2, [alpha]);
  const inFamily = members > 1 ? `; ${needed} in the family "${family}" of ${members} tests` : '';
  const why =
    n < alone
      ? `no less than p = ${text(least)}`
      : `p = ${text(least)} at best, ${text(Math.min(1, least * members))} after Holm's adjustment`;
  return [
    finding(
      'sample-size',
      declaration.name,
      armsOf(comparison).map(({ id }) => id),
      `${n} pair${n === 1 ? '' : 's'} can give ${why}, above ${alpha}: nothing can be significant. Needed: ${alone} pairs alone${inFamily}.`,
    ),
  ];
}

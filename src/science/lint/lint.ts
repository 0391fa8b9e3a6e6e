/**
 * Lint: what can be proved of a study's declared comparisons before anything runs. A comparison is to differ in exactly
 * the variables that it names; docs/lint.md explains every rule. Pure: the declaration says all that it needs.
 */
import type { StudyDeclaration } from '../../generated/aggregate.ts';
import { familySizes } from '../family-sizes.ts';
import { Arm } from './arm.ts';
import type { Comparison } from './comparison.ts';
import { Controls } from './controls.ts';
import { missingControl, notSought, sampleSize, unequalBudget, unpairedSeeds } from './design-rules.ts';
import { finding, type LintFinding } from './finding.ts';
import { dataOrders, idleSeeds, sameArms } from './replicates.ts';
import { consequence, mixedDevice, neverActs, oneVariable } from './variable-rules.ts';

/**
 * All findings, comparison by comparison, then those of the whole profile; those that a person overrides carry the
 * written reason.
 */
export function lintStudy(study: StudyDeclaration): LintFinding[] {
  const arms = study.experiments.map((experiment) => new Arm(experiment, study));
  const controls = new Controls(study, arms);
  const families = familySizes(study);
  const findings = comparisonsOf(study, arms).flatMap((comparison) => [
    ...oneVariable(comparison),
    ...neverActs(comparison),
    ...mixedDevice(comparison),
    ...unpairedSeeds(comparison),
    ...missingControl(comparison, controls),
    ...unequalBudget(comparison),
    ...notSought(comparison, study),
    ...sampleSize(comparison, families.get(comparison.declaration.family)!, study),
    ...consequence(comparison),
  ]);
  return override(
    [...findings, ...idleSeeds(study, arms), ...dataOrders(study, arms), ...sameArms(study, arms)],
    study,
  );
}

/** An error that nobody has overridden. */
export function isOpenError({ severity, accepted }: LintFinding): boolean {
  return severity === 'error' && accepted === null;
}

/** Arms that the study does not have are left out: reading the study has reported them. */
function comparisonsOf({ comparisons }: StudyDeclaration, arms: readonly Arm[]): Comparison[] {
  const byId = new Map(arms.map((arm) => [arm.id, arm]));
  return comparisons.flatMap((declaration) => {
    const [baseline, ...others] = declaration.arms.flatMap((id) => byId.get(id) ?? []);
    return baseline === undefined ? [] : [{ declaration, baseline, others }];
  });
}

/**
 * Puts the reasons to what they override: the comparison's own before the profile's. A reason that overrides nothing is
 * reported.
 */
function override(findings: LintFinding[], { comparisons, profile }: StudyDeclaration): LintFinding[] {
  const ofProfile = profile.accept ?? {};
  const useful = new Set<string>();
  const byName = new Map(comparisons.map((comparison) => [comparison.name, comparison]));
  const overridden = findings.map((each): LintFinding => {
    if (each.severity === 'note') return each;
    const own = byName.get(each.comparison ?? '')?.accept[each.rule];
    if (own !== undefined) useful.add(`${each.comparison} ${each.rule}`);
    else if (ofProfile[each.rule] !== undefined) useful.add(` ${each.rule}`);
    return { ...each, accepted: own ?? ofProfile[each.rule] ?? null };
  });
  const useless = [
    ...comparisons.flatMap(({ name, accept, arms }) =>
      Object.keys(accept)
        .filter((rule) => !useful.has(`${name} ${rule}`))
        .map((rule) =>
          finding('useless-accept', name, arms, `"${rule}" is accepted here, but nothing is found by it.`),
        ),
    ),
    ...Object.keys(ofProfile)
      .filter((rule) => !useful.has(` ${rule}`))
      .map((rule) => finding('useless-accept', null, [], `The profile accepts "${rule}", but nothing is found by it.`)),
  ];
  return [...overridden, ...useless];
}

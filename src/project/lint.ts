/** Lints the comparisons that a study declares. */
import type { StudyDeclaration } from '../generated/aggregate.ts';
import { declareStudy } from '../pipeline/declaration.ts';
import type { Study } from '../pipeline/study.ts';
import { LINT_RULES, type LintFinding } from '../science/lint/finding.ts';
import { isOpenError, lintStudy } from '../science/lint/lint.ts';

export interface LintResult {
  study: Pick<StudyDeclaration, 'profile' | 'comparisons' | 'experiments'>;
  findings: LintFinding[];
  /** How many errors stand that nobody has accepted. */
  openErrors: number;
  /** What can be done about a finding, by rule. */
  remedies: Record<LintFinding['rule'], string>;
}

export function lint(study: Study): LintResult {
  const declared = declareStudy(study);
  const findings = lintStudy(declared);
  const remedies = Object.entries(LINT_RULES).map(([rule, { remedy }]) => [rule, remedy]);
  return {
    study: declared,
    findings,
    openErrors: findings.filter(isOpenError).length,
    remedies: Object.fromEntries(remedies) as LintResult['remedies'],
  };
}

/** Lints the comparisons that a study declares, and what its nodes read. */
import type { Failure } from '../base/failure.ts';
import type { StudyDeclaration } from '../generated/aggregate.ts';
import { buildDag } from '../pipeline/build-dag.ts';
import { declareStudy } from '../pipeline/declaration.ts';
import type { Study } from '../pipeline/study.ts';
import { LINT_RULES, type LintFinding } from '../science/lint/finding.ts';
import { isOpenError, lintStudy } from '../science/lint/lint.ts';
import { withModelLabels } from '../science/study-models.ts';
import { missingInputs } from './missing-inputs.ts';
import type { MissingInput } from './node-rows.ts';
import { oversizedNodes } from './oversized-nodes.ts';
import type { Project } from './project.ts';
import { schemaWarnings } from './study-schema.ts';

export interface LintResult {
  study: Pick<StudyDeclaration, 'profile' | 'comparisons' | 'experiments'>;
  findings: LintFinding[];
  /** How many errors stand that nobody has accepted. */
  openErrors: number;
  /** What can be done about a finding, by rule. */
  remedies: Record<LintFinding['rule'], string>;
}

/** What the nodes of a study read. */
export interface LintedInputs {
  /** What nodes lack, so that they and those that need them are blocked. */
  missingInputs: MissingInput[];
  /**
   * Code that runs and is in no key, a schema for editors that is out of date, and nodes for which this machine has too
   * little memory.
   */
  warnings: Failure[];
}

export async function lintInputs({ study, stages }: Pick<Project, 'study' | 'stages'>): Promise<LintedInputs> {
  const dag = await buildDag(study, stages);
  const nodes = dag.nodes().map((key) => dag.getNodeAttributes(key));
  return {
    missingInputs: missingInputs(nodes),
    warnings: [...stages.warnings, ...schemaWarnings(study.root), ...(await oversizedNodes(nodes, study.root))],
  };
}

export function lint(study: Study): LintResult {
  const declared = declareStudy(study);
  const findings = lintStudy(withModelLabels(declared, study.root).study);
  const remedies = Object.entries(LINT_RULES).map(([rule, { remedy }]) => [rule, remedy]);
  return {
    study: declared,
    findings,
    openErrors: findings.filter(isOpenError).length,
    remedies: Object.fromEntries(remedies) as LintResult['remedies'],
  };
}

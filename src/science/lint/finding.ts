/**
 * What lint has to say, as data: a closed list of rules, each with its severity and remedy. docs/lint.md explains them.
 */

export type LintSeverity = 'error' | 'warning' | 'note';

export interface LintFinding {
  rule: LintRule;
  severity: LintSeverity;
  /** Null for what concerns the whole profile. */
  comparison: string | null;
  /** The arms that it concerns. */
  arms: string[];
  message: string;
  /** The written reason for which a person overrides it. */
  accepted: string | null;
}

export const LINT_RULES = {
  'one-variable': {
    severity: 'error',
    remedy: 'Compare arms that differ in nothing else, or name what differs in "varies".',
  },
  'never-acts': {
    severity: 'error',
    remedy:
      'Give the variable a value that acts in one arm, or take it out of "varies"; arms that are the same cannot be compared.',
  },
  'mixed-device': {
    severity: 'error',
    remedy: 'Compute all arms of a comparison by the same engine, on the same device, in the same precision.',
  },
  consequence: {
    severity: 'note',
    remedy: 'Nothing: it follows from the variable. Keep it in mind when the result is read.',
  },
  'unpaired-seeds': { severity: 'warning', remedy: 'Give all arms the same seeds: differences are paired by seed.' },
  'missing-control': {
    severity: 'warning',
    remedy: 'Add the control to the profile, or accept the finding with a reason.',
  },
  'unequal-budget': {
    severity: 'warning',
    remedy: 'Let the arms train for as many steps, or name the number of steps in "varies".',
  },
  'idle-seeds': {
    severity: 'warning',
    remedy: "Take the seed out of the parameters, so that it is each run's own, or declare a single seed.",
  },
  'data-orders': {
    severity: 'note',
    remedy: 'Nothing, if the question is about this checkpoint. For a claim about models, take several checkpoints.',
  },
  'not-sought': {
    severity: 'warning',
    remedy:
      'Let the detection at the end seek (detect-sw.search: "spikes", by "perRound" or "perStep"), or take "redetected" out of "metrics".',
  },
  'same-arm': { severity: 'warning', remedy: 'Give the arm a value that acts, or take it out of the profile.' },
  'sample-size': { severity: 'warning', remedy: 'Take more seeds, or declare fewer comparisons in the family.' },
  'useless-accept': { severity: 'warning', remedy: 'Take the accepted rule out: there is nothing to override.' },
} as const satisfies Record<string, { severity: LintSeverity; remedy: string }>;

export type LintRule = keyof typeof LINT_RULES;

/** A finding that nobody has overridden yet. */
export function finding(rule: LintRule, comparison: string | null, arms: string[], message: string): LintFinding {
  return { rule, severity: LINT_RULES[rule].severity, comparison, arms, message, accepted: null };
}

/** The options and the help of `swp lint`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { withStudyOptions } from '../help.ts';

export function declareLint(program: Command, body: (options: ProjectOptions) => Promise<void>): Command {
  const command = program
    .command('lint')
    .description('Prove of each declared comparison that its arms differ in exactly what it names; say what it lacks.')
    .addHelpText(
      'after',
      `
Examples:
  swp lint                       the comparisons of the default profile
  swp lint --profile controls    those of another one
  swp lint --json                {"profile", "comparisons", "findings":[{rule, severity, comparison, arms, message, accepted}]}

Nothing is run. Exit code 1 if an error stands that nobody has accepted. A comparison, or a profile, overrides a rule with
a reason in words, which the report prints: "accept": { "missing-control": "..." }. docs/lint.md explains every rule.`,
    )
    .action(body);
  return withStudyOptions(command);
}

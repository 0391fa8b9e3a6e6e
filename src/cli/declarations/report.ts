/** The options and the help of `swp report`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { withStudyOptions } from '../help.ts';

export function declareReport(program: Command, body: (options: ProjectOptions) => Promise<void>): Command {
  const command = program
    .command('report')
    .description('Render the report again from the results that are there.')
    .addHelpText(
      'after',
      `
Examples:
  swp report                    writes report/PROFILE/index.html beside the study, and its figures
  swp report --profile table
  swp report --json             {"report": path, "highlights": {...}}

swp repro does this at its end; no other command computes results.`,
    )
    .action(body);
  return withStudyOptions(command);
}

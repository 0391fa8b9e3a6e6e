/** The options and the help of `swp cancel`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';

export function declareCancel(
  program: Command,
  body: (words: string[], options: ProjectOptions) => Promise<void>,
): Command {
  const command = program
    .command('cancel')
    .description('End jobs that this study has in Slurm; what they have done is kept.')
    .argument('[selectors...]', 'only jobs that are to make one of these nodes, e.g. experiment=A1')
    .addHelpText(
      'after',
      `
Examples:
  swp cancel                     all jobs of the study
  swp cancel experiment=A1       those that have a node of A1 to make
  swp cancel --json              {"cancelled":[{"job":"123_0","bundle":"A1/s0"}, ...]}

A job that others wait for, too, is left, such as the start that A1 and A2 share for experiment=A1.
A training that runs keeps its state first. swp submit sends again what is missing.
${SELECTOR_HELP}`,
    )
    .action(body);
  return withStudyOptions(command);
}

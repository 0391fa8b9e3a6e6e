/** The options and the help of `swp history`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';

export function declareHistory(
  program: Command,
  body: (words: string[], options: ProjectOptions) => Promise<void>,
): Command {
  const command = program
    .command('history')
    .description('List the runs of this study, or what became of some nodes over them.')
    .argument('[selectors...]', 'only what happened to these nodes')
    .addHelpText(
      'after',
      `
Examples:
  swp history                              runs, the newest first
  swp history stage=train experiment=A1    each time one of these was computed, or failed
  swp history --json                       {"runs":[{startedAt, seconds, estimate?, accuracy?, user, host, git, counts, nodes:[...]}]}

A run that found nothing to do is not listed. \`estimated\`: what its nodes were expected to take, and how many times
as long they took; swp estimate --check says it by stage.
${SELECTOR_HELP}`,
    )
    .action(body);
  return withStudyOptions(command);
}

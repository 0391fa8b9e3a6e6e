/** The options and the help of `swp explain`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';

export function declareExplain(
  program: Command,
  body: (words: string[], options: ProjectOptions) => Promise<void>,
): Command {
  const command = program
    .command('explain')
    .description(
      'Say why nodes are cached, stale or missing: the very values that differ from the nearest earlier record.',
    )
    .argument('[words...]', 'selectors, or two keys to compare')
    .addHelpText(
      'after',
      `
Examples:
  swp explain                            everything that is not cached, by cause
  swp explain stage=train experiment=A1  these nodes
  swp explain 3fa9c1 77b02e              what differs between any two keys ever recorded, or planned now
  swp explain --json                     {"nodes":[{key, stage, ..., comparedWith, causes:[{stage, path, before, after}]}]}

A difference is told where it arose: if another learning rate makes every later node stale, that is one cause.
${SELECTOR_HELP}`,
    )
    .action(body);
  return withStudyOptions(command);
}

/** The options and the help of `swp accept`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';

export interface AcceptOptions extends ProjectOptions {
  why?: string;
  list?: boolean;
  revoke?: boolean;
}

export function declareAccept(
  program: Command,
  body: (words: string[], options: AcceptOptions) => Promise<void>,
): Command {
  const command = program
    .command('accept')
    .description('Declare that changed code computes what it did before, so that results count on.')
    .argument('[selectors...]', 'the nodes that changed, e.g. stage=train')
    .option('--why <reason>', 'why it is equivalent: kept with the declaration')
    .option('--list', 'say what was accepted in this study')
    .option('--revoke', 'take back all that was accepted in this study')
    .addHelpText(
      'after',
      `
Examples:
  swp explain stage=train                              the code of stage train changed (5b0c4a1f -> 90ab3c77)
  swp accept stage=train --why "renamed a variable"
  swp accept --list

Keys of this study are then made with the earlier fingerprint. Only code and what a stage computes can be accepted:
another parameter or another file is another experiment. What is computed from now on says in its record
(environment.code) by which code it really was.
${SELECTOR_HELP}`,
    )
    .action(body);
  return withStudyOptions(command);
}

/** The options and the help of `swp invalidate`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';

export interface InvalidateOptions extends ProjectOptions {
  only?: boolean;
  why?: string;
  dryRun?: boolean;
}

export function declareInvalidate(
  program: Command,
  body: (words: string[], options: InvalidateOptions) => Promise<void>,
): Command {
  const command = program
    .command('invalidate')
    .description('Dismiss results in this study, so that the next repro computes them again.')
    .argument('<selectors...>', 'which nodes, e.g. stage=prune experiment=A1')
    .option('--only', 'only these nodes, not those that follow from them')
    .option('--why <reason>', 'a reason, which status and repro repeat')
    .option('-n, --dry-run', 'say what would be dismissed')
    .addHelpText(
      'after',
      `
Examples:
  swp invalidate stage=prune experiment=A1 --dry-run
  swp invalidate stage=prune experiment=A1 --why "new tie rule"
  swp invalidate stage=eval --only

Nothing is deleted: a tombstone in this study dismisses the records that are there now. Other studies that use the
same cache keep them, and what a later repro computes counts again.
${SELECTOR_HELP}`,
    )
    .action(body);
  return withStudyOptions(command);
}

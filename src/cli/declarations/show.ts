/** The options and the help of `swp show`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';

export function declareShow(
  program: Command,
  body: (words: string[], options: ProjectOptions) => Promise<void>,
): Command {
  const command = program
    .command('show')
    .description('Show the records of nodes: parameters, metrics, artifacts, environment.')
    .argument('<selectors...>', 'which nodes, e.g. stage=eval experiment=A1 seed=0')
    .addHelpText(
      'after',
      `
Examples:
  swp show stage=eval experiment=A1 seed=0
  swp show key=3fa9c1
  swp show step=train experiment=A1 seed=0 round=1 --json    {"key", "stage", ..., "artifacts":{name: path}, "metrics", "record"}
  swp show stage=eval --json                                 {"nodes":[...]}: a list where there are several

The paths are those of files in the cache: read them, never change them.
${SELECTOR_HELP}`,
    )
    .action(body);
  return withStudyOptions(command);
}

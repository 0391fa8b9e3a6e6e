/** The options and the help of `swp logs`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';

export interface LogsOptions extends ProjectOptions {
  all?: boolean;
  /** As Slurm calls it. */
  job?: string;
}

export function declareLogs(program: Command, body: (words: string[], options: LogsOptions) => Promise<void>): Command {
  const command = program
    .command('logs')
    .description('Print what nodes wrote while they ran: the last attempt of each, failed or not.')
    .argument('[selectors...]', 'which nodes, e.g. stage=train experiment=A1 seed=0')
    .option('--all', 'all attempts, the oldest first')
    .option('--job <id>', 'what a job of Slurm wrote, e.g. 123_4; of an array, e.g. 123, all of its jobs')
    .addHelpText(
      'after',
      `
Examples:
  swp logs step=train experiment=A1 seed=0 round=1
  swp logs stage=train --json      {"nodes":[{key, place, logs:[path]}], "jobs":[{job, bundle, state, log}]}
  swp logs --job 123_4             everything that this job wrote, whatever became of its nodes

Of nodes that were never begun since their job had ended before, it prints the log of that job.
${SELECTOR_HELP}`,
    )
    .action(body);
  return withStudyOptions(command);
}

/** The options and the help of `swp status`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';

export function declareStatus(
  program: Command,
  body: (words: string[], options: ProjectOptions) => Promise<void>,
): Command {
  const command = program
    .command('status')
    .description('Say what is cached, missing, stale and blocked.')
    .argument('[selectors...]', 'only these nodes, e.g. experiment=A1')
    .addHelpText(
      'after',
      `
Examples:
  swp status                       the whole study
  swp status experiment=A1         one arm
  swp status --json                {"nodes":[{key, stage, round, step, runs, state, reason, inputs}],
                                   "jobs":[{job, bundle, state, machine, nodes, done, log, ...}], ...}

cached: its result is there. missing: it has not been computed. stale: it was computed, but its recipe has
changed since, or swp invalidate dismissed it. blocked: something that it needs is not there.
After that come the jobs that the study has in Slurm: what waits and why, and each that runs or came to nothing.
${SELECTOR_HELP}`,
    )
    .action(body);
  return withStudyOptions(command);
}

/** The options and the help of `swp submit`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { keepOption, SELECTOR_HELP, withStudyOptions } from '../help.ts';
import { parseMemoryLimit, parsePositiveInteger } from '../quantity-parse.ts';
import { jobGpusOption, withSlurmOptions, type SlurmCommandOptions } from '../slurm-options.ts';

export interface SubmitOptions extends ProjectOptions, SlurmCommandOptions {
  /** Of a job, as Slurm writes it. */
  gpus?: string;
  memoryPerNode?: number;
  checkpointEvery: number;
  keep?: 'all' | 'last' | 'none';
  dryRun?: boolean;
}

export function declareSubmit(
  program: Command,
  body: (words: string[], options: SubmitOptions) => Promise<void>,
): Command {
  const command = program
    .command('submit')
    .description('Send all work that is missing to Slurm, and return at once.')
    .argument('[selectors...]', 'only these nodes and what they need, e.g. experiment=A1')
    .option('--memory-per-node <size>', 'end a node that takes more, e.g. 8GB (Linux)', parseMemoryLimit)
    .option('--checkpoint-every <seconds>', 'how often a long node keeps its state', parsePositiveInteger, 60)
    .addOption(keepOption())
    .option('-n, --dry-run', 'say which jobs would be sent')
    .addHelpText(
      'after',
      `
Examples:
  swp submit --partition gpu --time 4h
  swp submit --dry-run               which jobs, of which nodes, and what they would ask for
  swp submit experiment=A1 --bundle node
  swp submit --json                  {"jobs":[{"job":"123_0","bundle":"A1/s0","nodes":[key, ...]}, ...]}

What live jobs have already is not sent again. Afterwards swp status says how far they are, swp logs shows what they
wrote, swp cancel ends them, and swp repro --executor slurm follows them. docs/slurm.md has the rest.
${SELECTOR_HELP}`,
    )
    .action(body);
  return withSlurmOptions(withStudyOptions(command), jobGpusOption());
}

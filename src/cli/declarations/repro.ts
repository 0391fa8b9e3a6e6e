/** The options and the help of `swp repro`. */
import type { Command } from 'commander';
import type { ExecutorName } from '../../project/config.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { keepOption, SELECTOR_HELP, withStudyOptions } from '../help.ts';
import { parseMemoryLimit, parsePositiveInteger } from '../quantity-parse.ts';
import { anyGpusOption, executorOption, withSlurmOptions, type SlurmCommandOptions } from '../slurm-options.ts';

export interface ReproOptions extends ProjectOptions, SlurmCommandOptions {
  executor?: ExecutorName;
  jobs?: number;
  /** Of this machine or of a job of Slurm, as it is written. */
  gpus?: string;
  memoryPerNode?: number;
  checkpointEvery: number;
  keep?: 'all' | 'last' | 'none';
  dryRun?: boolean;
  verbose?: boolean;
}

export function declareRepro(
  program: Command,
  body: (words: string[], options: ReproOptions) => Promise<void>,
): Command {
  const command = program
    .command('repro')
    .description('Do all work that is missing, then render the report.')
    .argument('[selectors...]', 'only these nodes and what they need, e.g. experiment=A1')
    .option('-j, --jobs <number>', 'nodes at a time (default: the CPUs there are)', parsePositiveInteger)
    .addOption(anyGpusOption())
    .option('--memory-per-node <size>', 'end a node that takes more, e.g. 8GB (Linux)', parseMemoryLimit)
    .option('--checkpoint-every <seconds>', 'how often a long node keeps its state', parsePositiveInteger, 60)
    .addOption(keepOption())
    .option('-n, --dry-run', 'say what would be done')
    .option('-v, --verbose', 'a line for every node that is done')
    .addHelpText(
      'after',
      `
Examples:
  swp repro                          everything; run it again and all of it is cached
  swp repro --dry-run                what would run, and why
  swp repro experiment=A1 seed=0     one run
  swp repro --profile table --jobs 8
  swp repro --json                   one event a line; the last one is
                                     {"event":"summary","nodes":{"total":..,"cached":..,"ran":..,"failed":..}}

Ctrl-C stops within two seconds, and so does the end of the terminal; what is done is kept, and swp repro continues.
A node that fails stops nothing but the nodes that need it.
${SELECTOR_HELP}`,
    )
    .action(body);
  return withSlurmOptions(withStudyOptions(command), executorOption());
}

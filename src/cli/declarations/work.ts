/** The options of `swp work`, with which jobs of Slurm begin: people do not call it. */
import type { Command } from 'commander';
import { parseCount } from '../quantity-parse.ts';

export interface WorkOptions {
  submission: string;
  sha256: string;
  bundle: number;
}

export function declareWork(program: Command, body: (options: WorkOptions) => Promise<void>): Command {
  return program
    .command('work', { hidden: true })
    .description('Work off one bundle of a submission, in a job of Slurm.')
    .requiredOption('--submission <folder>', "the submission's folder in the cache")
    .requiredOption('--sha256 <digest>', 'of what was submitted')
    .requiredOption('--bundle <number>', 'which of its bundles', parseCount)
    .action(body);
}

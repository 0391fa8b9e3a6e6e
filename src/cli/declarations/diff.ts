/** The options and the help of `swp diff`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { withStudyOptions } from '../help.ts';
import { parseSeed } from '../quantity-parse.ts';

export interface DiffOptions extends ProjectOptions {
  seed?: number;
}

export function declareDiff(
  program: Command,
  body: (a: string, b: string, options: DiffOptions) => Promise<void>,
): Command {
  const command = program
    .command('diff')
    .description('Say what differs between two experiments: parameters, where they part, and their metrics.')
    .argument('<a>', 'an experiment')
    .argument('<b>', 'another one')
    .option('--seed <seed>', 'compare the runs of this seed (default: the first that both have)', parseSeed)
    .addHelpText(
      'after',
      `
Examples:
  swp diff A1 B1
  swp diff A1 C1 --seed 1
  swp diff A1 B1 --json    {"shared", "partsAt", "parameters":[{stage, path, rounds, before, after}], "metrics":[...]}`,
    )
    .action(body);
  return withStudyOptions(command);
}

/** The options and the help of `swp verify`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';
import { parsePercent, parseTolerance } from '../quantity-parse.ts';

export interface VerifyOptions extends ProjectOptions {
  sample?: number;
  heal?: boolean;
  recompute?: boolean;
  tolerance: number;
}

export function declareVerify(
  program: Command,
  body: (words: string[], options: VerifyOptions) => Promise<void>,
): Command {
  const command = program
    .command('verify')
    .description('Hash everything in the cache and put aside what is damaged; or recompute nodes and compare.')
    .argument('[selectors...]', 'with --recompute: which nodes')
    .option('--sample <percent>', 'hash only this share of the artifacts, e.g. 10%', parsePercent)
    .option('--heal', 'then compute again what this study has lost')
    .option('--recompute', 'run the selected nodes again, publish nothing, and compare with what is recorded')
    .option(
      '--tolerance <number>',
      'of --recompute, where the machine or a version is another: largest relative difference of a tensor',
      parseTolerance,
      1e-4,
    )
    .addHelpText(
      'after',
      `
Examples:
  swp verify                                 every record and every artifact, and the results made again of them
  swp verify --sample 10%                    the same tenth of the artifacts each time, and every record
  swp verify --heal                          and compute again what was damaged
  swp verify --recompute stage=train seed=0  the same bits? On another machine: within the tolerance?

What is damaged is moved to damaged/ in the cache; the next swp repro computes it again. Exit code 1: something was
found.
${SELECTOR_HELP}`,
    )
    .action(body);
  return withStudyOptions(command);
}

/** The options and the help of `swp plots`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { withStudyOptions } from '../help.ts';

export interface PlotsOptions extends ProjectOptions {
  list?: boolean;
  experiment?: string;
}

/** Each with what it shows. */
export const PLOTS = {
  quality:
    'Final log-perplexity above the language on the same tokens, nats per token: every seed, and the t interval of the mean',
  sparsity: 'Log-perplexity above the language on the same tokens, after retraining, by sparsity: every seed',
  survival: 'What became of the super weight by the end: k of n runs, with exact intervals',
  curves: 'Training loss by cumulative step: one line a seed',
} as const;
export type PlotName = keyof typeof PLOTS;

export function declarePlots(
  program: Command,
  body: (words: string[], options: PlotsOptions) => Promise<void>,
): Command {
  const command = program
    .command('plots')
    .description("Draw the report's figures in the terminal.")
    .argument('[names...]', `which: ${Object.keys(PLOTS).join(', ')} (default: the first three)`)
    .option('--experiment <names>', 'only these experiments, with globs, e.g. A1,B*')
    .option('--list', 'say which plots there are, and where the files of the report are')
    .addHelpText(
      'after',
      `
Examples:
  swp plots
  swp plots curves --experiment A1
  swp plots quality --profile table
  swp plots --list                 what there is, and the report's SVG, PNG and CSV files
  swp plots quality --json         {"plots":{"quality":[{experiment, points:[{seed, value}], mean, interval}]}}

COLUMNS sets the width, NO_COLOR switches colours off. Without a terminal all of it is plain ASCII.`,
    )
    .action(body);
  return withStudyOptions(command);
}

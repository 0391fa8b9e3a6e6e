/** The options and the help of `swp metrics`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';

export interface MetricsOptions extends ProjectOptions {
  columns?: string;
  csv?: boolean;
}

export function declareMetrics(
  program: Command,
  metrics: (words: string[], options: MetricsOptions) => Promise<void>,
  metricsDiff: (a: string, b: string, options: MetricsOptions) => Promise<void>,
): Command {
  const command = program
    .command('metrics')
    .description('Show what was measured, by experiment, seed, round and step.')
    .argument('[selectors...]', 'only these nodes, e.g. stage=eval experiment=A1')
    .option('--columns <names>', 'only these metrics, with globs, e.g. loss,sparsity')
    .option('--csv', 'one table of comma-separated values')
    .addHelpText(
      'after',
      `
Examples:
  swp metrics stage=eval                           a table of every evaluation
  swp metrics experiment=A1 --columns 'loss,spars*'
  swp metrics stage=eval --csv > evaluations.csv
  swp metrics diff A1 B1                           what differs between two experiments, seed by seed
  swp metrics --json                               {"rows":[{experiment, seed, round, step, stage, key, metrics}]}

Every stage has its own table; with --csv there is one, with the columns of all. A place without a result is left out,
and counted at the end.
${SELECTOR_HELP}`,
    )
    .action(metrics);
  const diff = command
    .command('diff')
    .description('Show how the metrics of two experiments differ, seed by seed.')
    .argument('<a>', 'an experiment')
    .argument('<b>', 'another one')
    .option('--columns <names>', 'only these metrics, with globs')
    .option('--csv', 'comma-separated values')
    .addHelpText(
      'after',
      `
Examples:
  swp metrics diff A1 B1 --columns loss
  swp metrics diff A1 B1 --json    {"experiments":[a, b], "changes":[{seed, round, step, metric, a, b, change}]}

change is b - a. Places that both share are left out: they are one node. swp diff says what the two do differently.`,
    )
    .action((a: string, b: string, _options: MetricsOptions, self: Command) =>
      metricsDiff(a, b, self.optsWithGlobals<MetricsOptions>()),
    );
  withStudyOptions(diff);
  return withStudyOptions(command);
}

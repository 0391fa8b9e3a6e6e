/** The options and the help of `swp dag`. */
import { Option, type Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { SELECTOR_HELP, withOutputOption, withStudyOptions } from '../help.ts';

export interface DagOptions extends ProjectOptions {
  show?: boolean;
  format: 'terminal' | 'html' | 'mermaid' | 'dot' | 'json';
  output?: string;
}

export function declareDag(program: Command, body: (words: string[], options: DagOptions) => Promise<void>): Command {
  const command = program
    .command('dag')
    .description("Draw the study's DAG with the state of every node.")
    .argument('[selectors...]', 'only these nodes, e.g. experiment=A1,A2')
    .option('--show', 'draw it in the terminal (what happens anyway without --format)')
    .addOption(
      new Option('--format <format>', 'how to write it')
        .choices(['terminal', 'html', 'mermaid', 'dot', 'json'])
        .default('terminal'),
    )
    .addHelpText(
      'after',
      `
Examples:
  swp dag --show                                  a row per experiment, a column per step and round
  swp dag --show --profile table                  all fourteen
  swp dag --format html                           one page: pan, zoom, search, fold, click
  swp dag --format mermaid experiment=A1 seed=0   one run, for a page that renders Mermaid
  swp dag --format dot | dot -Tsvg > dag.svg      for Graphviz
  swp dag --format mermaid -o dag.mmd             into a file
  swp dag --json                                  {"nodes":[{key, stage, round, step, runs, state, reason, inputs}]}

Experiments that begin alike share nodes. What they share is drawn once; a row begins where it differs.
${SELECTOR_HELP}`,
    )
    .action(body);
  return withStudyOptions(
    withOutputOption(
      command,
      'where to; - is standard output (default: of html report/PROFILE/dag.html, of all else standard output)',
    ),
  );
}

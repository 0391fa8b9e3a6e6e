/** Options and help texts that several commands share. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { visible, visibleLine } from '../base/visible-text.ts';
import { EXIT_CODE_HELP } from './exit-code.ts';

/** Adds the options that every command has. */
export function withProjectOptions(command: Command): Command {
  return command
    .option('--pipeline <file>', 'the study (default: pipeline.json here or in a folder above)', path)
    .option('--profile <name>', "the study's size (default: $SWP_PROFILE, else the study's defaultProfile)")
    .option('--cache <directory>', 'where results are kept (default: $SWP_CACHE, else cache/ beside the study)', path)
    .option('--json', 'machine-readable output');
}

/** Adds the options of commands that plan a study: also those that change which nodes it has. */
export function withStudyOptions(command: Command): Command {
  return withProjectOptions(command)
    .option(
      '--device <device>',
      'cpu, cuda or webgpu for every stage that declares a device (default: what the study says)',
    )
    .option(
      '--engine <engine>',
      'onnx, exact or tensorflow for every stage that declares an engine (default: what the study says)',
    );
}

/** Which large artifacts stay, of a run or of its estimate. */
export function keepOption(): Option {
  return new Option(
    '--keep <which>',
    'weights that stay when no planned node needs them (default: as the study says)',
  ).choices(['all', 'last', 'none']);
}

/** Adds the option that says where a command writes; outputFile has the rules. */
export function withOutputOption(command: Command, where: string): Command {
  return command.option('-o, --output <file>', where, path);
}

/** Refuses an empty path, which mostly comes from a shell variable that is not set. */
function path(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty.');
  return text;
}

/** A word of the command line may be a megabyte. */
const LONGEST_LINE = 400;

/**
 * What commander says of a command line that it refuses, as it can be shown.
 * @param words of the command line: what they say stays in the line in which it is told
 */
export function shownMistake(text: string, words: readonly string[] = process.argv): string {
  const lines = words
    .filter((word) => word.includes('\n'))
    .reduce((told, word) => told.replaceAll(word, visibleLine(word)), text)
    .split('\n')
    .map((line) => (line.length > LONGEST_LINE ? `${line.slice(0, 200)} ... ${line.slice(-150)}` : line));
  return visible(lines.join('\n'));
}

export const SELECTOR_HELP = `
Selectors choose nodes by NAME=VALUE[,VALUE...], with globs, by stage, experiment, seed, round, step or key:
  stage=prune                    every prune
  experiment=A1,B* seed=0        the runs of A1 and of all B with seed 0
  stage=eval round=[1-3]         evaluations of rounds 1 to 3
Different names must all hold; values of one name are alternatives. A key may be cut short.`;

export const GENERAL_HELP = `
Examples:
  swp init my-study                          begin a study of your own: one that runs, in a new folder
  swp repro                                  do all work that is missing, then render the report
  swp repro --dry-run                        say what would be done
  swp repro experiment=A1 seed=0             one run only
  swp detect model.gguf --text text.txt      look for super weights in a model, without a study
  swp status                                 what is cached, missing, stale
  swp dag --show --profile table             draw the DAG of the full table
  swp lint --profile controls                prove that comparisons compare what they say
  swp estimate --profile table               hours, FLOP and disk of a run, before it begins
  swp explain stage=train                    why it is stale: the very values that differ
  swp diff A1 B1                             what two experiments do differently
  swp logs stage=train experiment=A1         what the workers wrote
  swp history                                what runs did
  swp invalidate stage=prune experiment=A1   dismiss results, in this study only
  swp show stage=eval experiment=A1 seed=0   records: metrics, artifacts, environment
  swp metrics stage=eval                     what was measured, as a table
  swp plots                                  the report's figures in the terminal
  swp bundle                                 an archive that proves the report's numbers; swp bundle verify FILE
  swp gc --dry-run                           evict weights by policy
  swp verify                                 look for damage in the cache
  swp export --graph stage=train             the graph of a training step, for Netron
  swp doctor                                 which engines and devices work here
  swp COMMAND --help                         more about a command

A study is declared in pipeline.json. Results are kept in a cache under the hash of everything that made them, so
experiments share what they have in common, and only what changed is computed again.
${EXIT_CODE_HELP}`;

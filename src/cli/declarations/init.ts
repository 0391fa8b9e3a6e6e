/** The options and the help of `swp init`. */
import { InvalidArgumentError, type Command } from 'commander';

export interface InitOptions {
  name?: string;
  schema?: boolean;
  json?: boolean;
}

export function declareInit(
  program: Command,
  body: (folder: string | undefined, options: InitOptions) => Promise<void>,
): Command {
  return program
    .command('init')
    .description('Begin a study of your own: write one that runs, with an experiment, its control and a comparison.')
    .argument('[folder]', 'where; it is made if it is not there (default: here)', folder)
    .option('--name <name>', "the study's name (default: the folder's)")
    .option('--schema', 'write only the schema of an existing study anew, for editors, after an update of swp')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
Examples:
  swp init                       a study in this folder
  swp init my-study              in a new one
  swp init my-study --name s2    called otherwise
  swp init --schema my-study     pipeline.schema.json of a study that is there, as this version of swp has it
  swp init my-study --json       {"folder", "name", "files":[name]}; with --schema {"schema": path}

It writes pipeline.json, pipeline.schema.json, README.md and .gitignore, and overwrites nothing: if one of these is
there, it says so, and writes none.`,
    )
    .action(body);
}

function folder(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty.');
  return text;
}

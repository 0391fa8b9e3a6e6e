/** The options and the help of `swp detect`. */
import type { Command } from 'commander';
import { parsePositiveInteger } from '../quantity-parse.ts';

export interface DetectOptions {
  text?: string;
  field?: string;
  sequences?: number;
  length?: number;
  controls?: number;
  cache?: string;
  json?: boolean;
}

export function declareDetect(
  program: Command,
  body: (model: string, options: DetectOptions) => Promise<void>,
): Command {
  return program
    .command('detect')
    .description('Look for super weights in a model, without a study.')
    .argument('<model>', 'a folder as Hugging Face has it, a .gguf or .safetensors file, or a built-in model')
    .option('--text <path>', 'text to look on: a file, a folder, or JSON Lines')
    .option('--field <name>', 'the property of JSON Lines that holds the text')
    .option(
      '--sequences <number>',
      'sequences to look in, and as many others to judge on (default: 4 of a text)',
      parsePositiveInteger,
    )
    .option('--length <tokens>', 'predicted tokens in each (default: 128 of a text)', parsePositiveInteger)
    .option('--controls <number>', 'matched controls of each of the four kinds (default: 2)', parsePositiveInteger)
    .option('--cache <directory>', 'where results are kept (default: $SWP_CACHE, else nothing is kept)')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
Examples:
  swp detect model.gguf --text moby-dick.txt    a model in one file, on a text
  swp detect ./my-model --text corpus/ --json   {"confirmed", "joint", "candidates", "published", ...}
  swp detect marker-retrieval                   a built-in model, on the language that it is made for

A candidate is a weight whose channels spike; what counts is that zeroing it costs far more than zeroing weights like it
does. docs/super-weights.md has the method, and what the columns mean.`,
    )
    .action(body);
}

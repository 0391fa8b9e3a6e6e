/** The options and the help of `swp bundle`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { SELECTOR_HELP, withOutputOption, withProjectOptions, withStudyOptions } from '../help.ts';
import { parseBytes, parsePositiveInteger, parseTolerance } from '../quantity-parse.ts';

export interface BundleOptions extends ProjectOptions {
  output?: string;
  weights?: boolean;
  texts?: boolean;
  masks: boolean;
  figures: boolean;
}

export interface BundleVerifyOptions extends ProjectOptions {
  id?: string;
  model: string[];
  text: string[];
  recompute?: boolean;
  jobs?: number;
  tolerance: number;
  maxSize: number;
}

/** What a bundle may unpack to, unless more is allowed. */
const LARGEST_BYTES = 20e9;

const listed = (path: string, before: string[]): string[] => [...before, path];

export function declareBundle(
  program: Command,
  bundle: (options: BundleOptions) => Promise<void>,
  verifyBundle: (file: string, words: string[], options: BundleVerifyOptions) => Promise<void>,
): Command {
  const command = program
    .command('bundle')
    .description('Write one archive from which another machine verifies every number of the report.')
    .option('--weights', 'also the weights: files of models, and whatever else swp gc may evict, as far as it is there')
    .option('--texts', 'also texts of more than 1 MB')
    .option('--no-masks', 'without masks, which are large in large models: what follows from them is not verified')
    .option('--no-figures', "without the files of the report's figures, which its pages hold: much smaller")
    .addHelpText(
      'after',
      `
Examples:
  swp bundle                              the profile's records, metrics, masks, curves and report
  swp bundle --profile table -o table.tar.gz
  swp bundle --profile table -o table.tar.br   Brotli: a third smaller, and ten times as slow to write
  swp bundle --no-masks                   without masks, which take megabytes each in a large model
  swp bundle --weights                    with the weights: much larger
  swp bundle verify study-pilot.tar.gz    on any machine with swp: no study, no cache, no weights needed
  swp bundle --json                       {"file", "id", "bytes", "files", "records", "masks", "missing":[place], "ungathered":[place]}

The id is the SHA-256 of the manifest, which has that of every file: who knows the id knows every byte. Print it with the
paper. The same cache gives the same bundle each time.`,
    )
    .action(bundle);
  withOutputOption(command, 'where to; - is standard output (default: STUDY-PROFILE.tar.gz here)');
  const verify = command
    .command('verify')
    .description('Verify a bundle: its files, its records, its results and its report; or compute all of it again.')
    .argument('<file>', 'what swp bundle wrote')
    .argument('[selectors...]', 'with --recompute: only these nodes')
    .option('--id <sha256>', 'the id that the bundle must have; its beginning is enough')
    .option('--model <path>', 'a model of the study, so that more can be verified; may be repeated', listed, [])
    .option('--text <path>', 'the same of a text', listed, [])
    .option('--recompute', "run the bundle's study, programs of its own included, and compare every artifact")
    .option('-j, --jobs <number>', 'of --recompute: nodes at a time', parsePositiveInteger)
    .option(
      '--tolerance <number>',
      'of --recompute, where the machine or a version is another: largest relative difference of a tensor',
      parseTolerance,
      1e-4,
    )
    .option('--max-size <size>', 'what the bundle may unpack to', parseBytes, LARGEST_BYTES)
    .addHelpText(
      'after',
      `
Examples:
  swp bundle verify study-pilot.tar.gz
  swp bundle verify study-pilot.tar.gz --id 3fa9c1d2
  swp bundle verify study-pilot.tar.gz --recompute experiment=A1 seed=0
  swp bundle verify study-pilot.tar.gz --recompute --cache scratch    in a cache that stays
  swp bundle verify study-pilot.tar.gz --model model.gguf             with the model, if the bundle lacks it
  swp bundle verify study-pilot.tar.gz --json    {"id", "ok", "findings":[{check, where, message}], "checked":[...]}

Every file is hashed; every record's key is derived again from what it says was hashed; every input is followed to the
artifact that it names; the results are made again from the artifacts, with the code that is installed here; and the
report is rendered again from the results. What was invented consistently, down to the metrics of each node, only
--recompute can find. Exit code 1: something does not hold.
${SELECTOR_HELP}`,
    )
    .action((file: string, words: string[], _options: BundleVerifyOptions, self: Command) =>
      verifyBundle(file, words, self.optsWithGlobals<BundleVerifyOptions>()),
    );
  withProjectOptions(verify);
  return withStudyOptions(command);
}

/** The options and the help of `swp gc`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { withStudyOptions } from '../help.ts';
import { parseBytes, parseCount, parseDuration } from '../quantity-parse.ts';

export interface GcOptions extends ProjectOptions {
  keep?: string[];
  keepLast?: number;
  younger?: number;
  maxSize?: number;
  dryRun?: boolean;
}

export function declareGc(program: Command, body: (options: GcOptions) => Promise<void>): Command {
  const command = program
    .command('gc')
    .description('Evict large artifacts by policy; metrics and records are always kept.')
    .option(
      '--keep <selector>',
      'keep what these nodes of this study made, e.g. experiment=A1 (repeatable)',
      (word: string, words: string[] = []) => [...words, word],
    )
    .option('--keep-last <number>', 'keep what the newest so many records made', parseCount)
    .option('--younger <duration>', 'keep what was made in this time, e.g. 7d', parseDuration)
    .option('--max-size <size>', 'evict the oldest until the artifacts take no more than this, e.g. 50GB', parseBytes)
    .option('-n, --dry-run', 'say what would be removed')
    .addHelpText(
      'after',
      `
Examples:
  swp gc --dry-run                          what no study that uses this cache refers to any more
  swp gc --keep experiment=A1 --younger 7d  weights of A1, and those of the last week, stay; others go
  swp gc --max-size 50GB                    the oldest go first

Evicted are weights and moments: what stages declare as such. They are computed again if a node that runs needs them;
results stay cached without them. Without --keep, --keep-last, --younger or --max-size, only what no study refers to
goes: a study counts as long as the cache remembers it, wherever its pipeline.json is now. It may run beside others.`,
    )
    .action(body);
  return withStudyOptions(command);
}

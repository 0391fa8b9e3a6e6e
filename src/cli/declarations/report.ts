/** The options and the help of `swp report`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { withStudyOptions } from '../help.ts';

export interface ReportOptions extends ProjectOptions {
  output?: string;
  figures: boolean;
}

export function declareReport(program: Command, body: (options: ReportOptions) => Promise<void>): Command {
  const command = program
    .command('report')
    .description('Render the report again from the results that are there.')
    .option(
      '-o, --output <directory>',
      'where to: a folder that is empty, new, or has a report (default: report/PROFILE)',
    )
    .option('--no-figures', 'pages only, which hold every figure: no files of figures, no links to them')
    .addHelpText(
      'after',
      `
Examples:
  swp report                    writes report/PROFILE/index.html beside the study, and its figures
  swp report --profile table
  swp report -o /tmp/report     elsewhere, such as of a study that one may only read
  swp report --json             {"report": path, "highlights": {...}, "kept"?: path}

Results that lack runs which the report there has go beside it, into report/PROFILE@partial.

swp repro does this at its end; no other command computes results.`,
    )
    .action(body);
  return withStudyOptions(command);
}

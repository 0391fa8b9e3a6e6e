/** swp report: renders the report again from the results that are there. */
import type { Command } from 'commander';
import { SwpError } from '../../base/failure.ts';
import { withStudyOptions } from '../help.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { openTerminal } from '../terminal.ts';

export function declareReport(program: Command): Command {
  const command = program
    .command('report')
    .description('Render the report again from the results that are there.')
    .addHelpText(
      'after',
      `
Examples:
  swp report                    writes report/PROFILE/index.html beside the study, and its figures
  swp report --profile table
  swp report --json             {"report": path, "highlights": {...}}

swp repro does this at its end; no other command computes results.`,
    )
    .action(report);
  return withStudyOptions(command);
}

async function report(options: ProjectOptions): Promise<void> {
  const { openProject } = await import('../../project/project.ts');
  const { latestResults, renderStudyReport, resultsKey } = await import('../../project/study-report.ts');
  const project = await openProject(options);
  const key = resultsKey(project);
  if (key === undefined)
    throw new SwpError({
      kind: 'usage',
      message: 'The study has no step that gathers results.',
      expected: 'a step with "gather" in "dag", such as aggregate',
    });
  const record = await latestResults(project, key);
  const rendered = record && (await renderStudyReport(project, record, { always: true }));
  if (rendered === undefined)
    throw new SwpError({
      kind: 'usage',
      message: `There are no results of profile "${project.study.profile.name}" yet.`,
      expected: '`swp repro` first',
    });
  const terminal = openTerminal();
  if (options.json) {
    terminal.line(JSON.stringify({ report: rendered.html, highlights: rendered.highlights }));
    return;
  }
  for (const line of rendered.summary) terminal.line(line);
  terminal.line();
  terminal.line(`Report: ${terminal.colors.bold(rendered.html)}`);
}

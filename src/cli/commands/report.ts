/** swp report: renders the report again from the results that are there. */
import type { ProjectOptions } from '../../project/location.ts';
import { openProject } from '../../project/project.ts';
import { renderLatest } from '../../project/study-report.ts';
import { exitCodeOf } from '../exit-code.ts';
import { writeFailure } from '../failure-text.ts';
import { requireCache } from '../../project/missing-cache.ts';
import { openTerminal } from '../terminal.ts';

export async function report(options: ProjectOptions): Promise<void> {
  const project = await openProject(options);
  requireCache(options);
  const { html, highlights, summary, failure } = await renderLatest(project);
  const terminal = openTerminal();
  if (options.json) terminal.line(JSON.stringify({ report: html, highlights }));
  else {
    for (const line of summary) terminal.line(line);
    terminal.line();
    terminal.line(`Report: ${terminal.colors.bold(html)}`);
  }
  if (failure === undefined) return;
  writeFailure(failure, terminal);
  process.exitCode = exitCodeOf(failure);
}

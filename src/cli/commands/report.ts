/** swp report: renders the report again from the results that are there. */
import { requireCache } from '../../project/missing-cache.ts';
import { openProject } from '../../project/project.ts';
import { renderLatest } from '../../project/study-report.ts';
import type { ReportOptions } from '../declarations/report.ts';
import { exitCodeOf } from '../exit-code.ts';
import { writeFailure } from '../failure-text.ts';
import { summaryLines, writePlace } from '../summary-text.ts';
import { openTerminal } from '../terminal.ts';

export async function report(options: ReportOptions): Promise<void> {
  const project = await openProject(options);
  requireCache(options);
  const rendered = await renderLatest(project, options);
  const { html, highlights, summary, kept, failure } = rendered;
  const terminal = openTerminal();
  if (options.json) terminal.line(JSON.stringify({ report: html, highlights, ...(kept !== undefined && { kept }) }));
  else {
    for (const line of summaryLines(summary)) terminal.line(line);
    terminal.line();
    writePlace(rendered, terminal);
  }
  if (failure === undefined) return;
  writeFailure(failure, terminal);
  process.exitCode = exitCodeOf(failure);
}

/** swp report: renders the report again from the results that are there. */
import type { ProjectOptions } from '../../project/location.ts';
import { openProject } from '../../project/project.ts';
import { renderLatest } from '../../project/study-report.ts';
import { openTerminal } from '../terminal.ts';

export async function report(options: ProjectOptions): Promise<void> {
  const { html, highlights, summary } = await renderLatest(await openProject(options));
  const terminal = openTerminal();
  if (options.json) return terminal.line(JSON.stringify({ report: html, highlights }));
  for (const line of summary) terminal.line(line);
  terminal.line();
  terminal.line(`Report: ${terminal.colors.bold(html)}`);
}

/**
 * What `swp repro` says when everything is there: the same words and events as after a plan that found nothing to do.
 * It loads little, so that finding nothing to do takes no time.
 */
import type { SwpEvent } from '../engine/event.ts';
import type { RenderedReport } from '../project/study-report.ts';
import type { UpToDate } from '../project/up-to-date.ts';
import type { ReproOptions } from './declarations/repro.ts';
import { plural, studyLine } from './study-text.ts';
import { writeSummary } from './summary-text.ts';
import type { Terminal } from './terminal.ts';

export function writeNothingToDo(
  found: UpToDate,
  report: RenderedReport | undefined,
  options: ReproOptions,
  terminal: Terminal,
): void {
  const { total, study, warnings } = found;
  const plan: SwpEvent = { event: 'plan', nodes: { total, cached: total, toRun: 0 }, stages: {} };
  if (options.dryRun) {
    if (options.json) terminal.line(JSON.stringify({ ...plan, lengths: [], toRun: [], missingInputs: [], warnings }));
    else {
      terminal.line(studyLine(study, terminal.colors));
      terminal.line(`Nothing to do: all ${plural(total, 'node')} are cached.`);
    }
    return;
  }
  if (options.json) terminal.line(JSON.stringify(plan));
  else if (!terminal.interactive) terminal.line(`${plural(total, 'node')}: ${total} cached, 0 to run.`);
  const summary: Extract<SwpEvent, { event: 'summary' }> = {
    event: 'summary',
    nodes: { total, cached: total, ran: 0, failed: 0, blocked: 0 },
    seconds: performance.now() / 1000,
    ...(warnings.length > 0 && { warnings }),
    ...(report !== undefined && { report: report.html, highlights: report.highlights }),
    ...(report?.kept !== undefined && { kept: report.kept }),
  };
  if (options.json) terminal.line(JSON.stringify(summary));
  else writeSummary({ summary, failures: [], report, terminal });
}

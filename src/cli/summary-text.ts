/** How a run ended, for people: counts, what failed and why, the report and its essence. */
import { decimal } from '../base/number-text.ts';
import type { SwpEvent } from '../engine/event.ts';
import { durationText } from './duration.ts';
import { quantityText } from '../base/quantity-text.ts';
import { partLines, type SummaryPart } from '../report/summary.ts';
import { plural } from './study-text.ts';
import type { RenderedReport } from '../project/study-report.ts';
import { folded } from './folded.ts';
import { screenColumns, type Terminal } from './terminal.ts';

/** When whoever followed jobs leaves. */
const JOBS_GO_ON =
  'The jobs go on: `swp status` says how far they are, `swp repro --executor slurm` follows them again, and `swp cancel` ends them.';

/** Further failures are only counted: many mostly have one cause. */
const SHOWN_FAILURES = 10;

export interface SummaryParts {
  summary: Extract<SwpEvent, { event: 'summary' }>;
  /** Of nodes, in words: failureTexts. */
  failures: readonly string[];
  /** What nodes lack, in words. */
  missing?: readonly string[];
  report: RenderedReport | undefined;
  /** Whether jobs of a cluster do the work, and go on when the run stops. */
  inJobs?: boolean;
  terminal: Terminal;
}

export function writeSummary({
  summary,
  failures,
  missing = [],
  report,
  inJobs = false,
  terminal,
}: SummaryParts): void {
  const { colors } = terminal;
  const { total, cached, ran, failed, blocked } = summary.nodes;
  if (report !== undefined) {
    for (const line of summaryLines(report.summary)) terminal.line(line);
    terminal.line();
  }
  const parts = [
    colors.green(`${cached} cached`),
    `${ran} ran`,
    ...(failed > 0 ? [colors.red(`${failed} failed`)] : []),
    ...(blocked > 0
      ? [colors.yellow(`${blocked} ${inJobs && summary.stopped !== undefined ? 'not waited for' : 'not run'}`)]
      : []),
  ];
  terminal.line(`${plural(total, 'node')}: ${parts.join(', ')} in ${durationText(summary.seconds)}.`);
  if (summary.estimate !== undefined) terminal.line(accuracyText(summary.estimate));
  if (summary.evicted !== undefined)
    terminal.line(
      `Evicted: ${plural(summary.evicted.artifacts, 'artifact')}, ${quantityText(summary.evicted.bytes, 'B')}, that no planned node needs.`,
    );
  writeFailures(failures, terminal);
  for (const text of missing) terminal.lines(text);
  // Of a run that was stopped, most were not run because of that.
  if (blocked > 0 && failed > 0 && summary.stopped === undefined)
    terminal.line(`${plural(blocked, 'node')} could not run because of what failed.`);
  if (summary.stopped !== undefined)
    terminal.line(
      `Stopped by ${summary.stopped === 'failure' ? 'what is said below' : summary.stopped}. ${inJobs ? JOBS_GO_ON : 'What is done is kept; `swp repro` continues.'}`,
    );
  if (report !== undefined) writePlace(report, terminal);
}

/** A summary as it fits on the terminal: a table that is wider is folded, so that its rows can still be read. */
export function summaryLines(parts: readonly SummaryPart[], columns = screenColumns()): string[] {
  return parts.flatMap((part) => {
    const lines = partLines(part);
    if (typeof part === 'string' || lines.every(({ length }) => length <= columns)) return lines;
    return folded(part.names, part.rows, columns);
  });
}

/** Where a report is, and where an earlier one stays that has more. */
export function writePlace({ html, kept }: RenderedReport, { colors, line }: Terminal): void {
  line(`Report: ${colors.bold(html)}`);
  if (kept !== undefined) line(`It lacks runs that an earlier report has, which stays as it is: ${colors.bold(kept)}`);
}

function writeFailures(texts: readonly string[], { line, lines }: Terminal): void {
  for (const text of texts.slice(0, SHOWN_FAILURES)) lines(text);
  if (texts.length > SHOWN_FAILURES) line(`... and ${texts.length - SHOWN_FAILURES} more failures.`);
}

/** E.g. `The nodes were estimated at 3 min 10 s (2 min 50 s to 4 min 2 s) and took 3 min 25 s (x1.08).` */
function accuracyText({
  estimated,
  lower,
  upper,
  took,
  ratio,
}: NonNullable<SummaryParts['summary']['estimate']>): string {
  return `The nodes were estimated at ${durationText(estimated)} (${durationText(lower)} to ${durationText(upper)}) and took ${durationText(took)} (x${decimal(ratio, 2)}).`;
}

/** swp repro: says at once that there is nothing to do, or else plans and runs. */
import { findUpToDate, reportUpToDate } from '../../project/up-to-date.ts';
import type { ReproOptions } from '../declarations/repro.ts';
import { EXIT_CODE, exitCodeOf } from '../exit-code.ts';
import { writeNothingToDo } from '../nothing-to-do.ts';
import { openTerminal } from '../terminal.ts';

export async function repro(words: string[], options: ReproOptions): Promise<void> {
  const upToDate = words.length > 0 ? undefined : findUpToDate(options);
  const rendered = upToDate === undefined || options.dryRun ? {} : await reportUpToDate(options, upToDate);
  // Results that are damaged are something to do.
  if (upToDate === undefined || rendered.failure?.kind === 'content') {
    // Loaded only here: what plans and runs takes longer to load than finding nothing to do takes.
    const { planAndRun } = await import('./run.ts');
    return planAndRun(words, options);
  }
  const terminal = openTerminal();
  writeNothingToDo(upToDate, rendered.report, options, terminal);
  const { failure } = rendered;
  process.exitCode = failure === undefined ? EXIT_CODE.ok : exitCodeOf(failure);
  if (failure === undefined && upToDate.warnings.length === 0) return;
  const { warningText, writeFailure } = await import('../failure-text.ts'); // it measures text: slow to load
  for (const warning of upToDate.warnings) terminal.errorLines(warningText(warning, terminal.colors));
  if (failure !== undefined) writeFailure(failure, terminal);
}

/** swp repro: says at once that there is nothing to do, or else plans and runs. */
import { findUpToDate } from '../../project/up-to-date.ts';
import type { ReproOptions } from '../declarations/repro.ts';
import { EXIT_CODE, exitCodeOf } from '../exit-code.ts';
import { writeNothingToDo } from '../nothing-to-do.ts';
import { openTerminal } from '../terminal.ts';

export async function repro(words: string[], options: ReproOptions): Promise<void> {
  const upToDate = words.length > 0 ? undefined : findUpToDate(options);
  if (upToDate === undefined) {
    // Loaded only here: what plans and runs takes longer to load than finding nothing to do takes.
    const { planAndRun } = await import('./run.ts');
    return planAndRun(words, options);
  }
  const terminal = openTerminal();
  const failure = await writeNothingToDo(upToDate, options, terminal);
  process.exitCode = failure === undefined ? EXIT_CODE.ok : exitCodeOf(failure);
  if (failure === undefined && upToDate.warnings.length === 0) return;
  const { warningText, writeFailure } = await import('../failure-text.ts'); // it measures text: slow to load
  for (const warning of upToDate.warnings) terminal.errorLine(warningText(warning, terminal.colors));
  if (failure !== undefined) writeFailure(failure, terminal);
}

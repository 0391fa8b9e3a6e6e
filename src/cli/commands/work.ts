/** swp work: what a job of Slurm runs. Its output is the job's log. */
import type { SwpEvent } from '../../engine/event.ts';
import type { JobEnding } from '../../engine/executors/slurm/journal.ts';
import { runJob, TIME_SIGNAL } from '../../project/cluster-job.ts';
import type { WorkOptions } from '../declarations/work.ts';
import { EXIT_CODE, exitCodeOfSignal } from '../exit-code.ts';
import { writeFailure } from '../failure-text.ts';
import { listenForInterruption } from '../interruption.ts';
import { openPlainView } from '../plain-view.ts';
import { openTerminal } from '../terminal.ts';

export async function work({ submission, sha256, bundle }: WorkOptions): Promise<void> {
  const terminal = openTerminal();
  const interruption = listenForInterruption((text) => terminal.line(text), { more: [TIME_SIGNAL] });
  try {
    const ending = await runJob(
      { submission, sha256, bundle },
      {
        signal: interruption.signal,
        openView: async (openState) => {
          const view = openPlainView({ terminal, state: await openState(), verbose: true });
          const emit = (event: SwpEvent) => {
            view.emit(event);
            if (event.event === 'node-end' && event.outcome === 'failed' && event.failure !== undefined)
              writeFailure(event.failure, terminal);
          };
          return { emit, close: () => view.close() };
        },
      },
    );
    if (ending.how === 'failed' && ending.failure !== undefined) writeFailure(ending.failure, terminal);
    process.exitCode = exitCodeFor(ending);
  } finally {
    interruption.stopListening();
  }
}

/** Slurm calls a job failed that ends with another code than 0. */
function exitCodeFor(ending: JobEnding): number {
  if (ending.how === 'done') return EXIT_CODE.ok;
  return ending.how === 'failed' || ending.how === 'too-short'
    ? EXIT_CODE.nodesFailed
    : exitCodeOfSignal(ending.signal);
}

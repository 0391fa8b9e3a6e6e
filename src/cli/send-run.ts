/** Sends a run to Slurm: who stops it while it is being sent has nothing sent. */
import { sendRun, type SentRun } from '../project/cluster-run.ts';
import type { SubmitSettings } from '../project/cluster-submission.ts';
import type { PlannedRun } from '../project/planned-run.ts';
import type { Project } from '../project/project.ts';
import { listenForInterruption } from './interruption.ts';
import type { Terminal } from './terminal.ts';

/** @throws SwpError as `sendRun` does; of kind `stopped` after a signal */
export async function sendFromTerminal(
  project: Project,
  planned: PlannedRun,
  settings: SubmitSettings,
  terminal: Terminal,
): Promise<SentRun> {
  const interruption = listenForInterruption((text) => terminal.errorLine(text), {
    stopping: 'Stopping. What was sent is taken back.',
  });
  try {
    return await sendRun(project, planned, settings, { signal: interruption.signal });
  } finally {
    interruption.stopListening();
  }
}

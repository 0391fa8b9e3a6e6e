/** swp detect: super weights of a model, without a study: candidates, effects, controls, joint sets, verdicts. */
import { detectionReport, inTermsOfCommand, withDetectionStudy } from '../../project/detection-study.ts';
import { planRun } from '../../project/planned-run.ts';
import { openProject, type Project } from '../../project/project.ts';
import { StudyRun } from '../../project/study-run.ts';
import type { DetectOptions } from '../declarations/detect.ts';
import { detectionLines } from '../detection-text.ts';
import { EXIT_CODE, exitCodeOfSignal } from '../exit-code.ts';
import { failureText } from '../failure-text.ts';
import { listenForInterruption } from '../interruption.ts';
import { openLiveView } from '../live-view.ts';
import { missingTexts } from '../missing-text.ts';
import type { RunView } from '../run-view.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

export async function detect(model: string, { cache, json, ...options }: DetectOptions): Promise<void> {
  const terminal = openTerminal();
  await withDetectionStudy({ model, ...options }, async (pipeline) => {
    const project = await openProject({ pipeline, ...(cache !== undefined && { cache }) });
    if (!(await run(project, pipeline, json ?? false, terminal))) return;
    const report = (await detectionReport(project))!;
    if (json) terminal.line(JSON.stringify(report));
    else for (const line of detectionLines(report, terminal.colors)) terminal.line(line);
  });
}

/** @returns whether there is a result; what went wrong is told, and in the exit code */
async function run(project: Project, pipeline: string, json: boolean, terminal: Terminal): Promise<boolean> {
  const { colors } = terminal;
  const planned = await planRun(project, []);
  for (const text of missingTexts(planned.missing, colors, colors.red(colors.bold('error:'))))
    terminal.errorLines(text);
  const run = new StudyRun(project, planned, { jobs: 1 });
  await run.estimate();
  const view: RunView =
    terminal.interactive && !json
      ? openLiveView({ terminal, state: await run.openState(), verbose: false })
      : { emit: () => {}, note: (text) => terminal.errorLine(text), close: () => {} };
  const interruption = listenForInterruption(() => view.note('Stopping.'));
  try {
    const { failures, failed, blocked, stopped } = await run
      .execute(view.emit, interruption.signal)
      .finally(() => view.close());
    for (const { failure } of failures) terminal.errorLines(failureText(inTermsOfCommand(failure, pipeline), colors));
    if (stopped !== undefined)
      process.exitCode = stopped.startsWith('SIG') ? exitCodeOfSignal(stopped) : EXIT_CODE.nodesFailed;
    else if (failed + blocked > 0) process.exitCode = EXIT_CODE.nodesFailed;
    return stopped === undefined && failed + blocked === 0;
  } finally {
    interruption.stopListening();
  }
}

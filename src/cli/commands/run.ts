/** swp repro where a plan has to be made: plans, runs, and shows it; with --dry-run, only says what would run. */
import { existsSync } from 'node:fs';
import { followSettings } from '../../project/cluster-run.ts';
import type { SubmitSettings } from '../../project/cluster-submission.ts';
import { dryRun, planRun, type PlannedRun } from '../../project/planned-run.ts';
import { openProject, type Project } from '../../project/project.ts';
import { sizeOf } from '../../project/study-size.ts';
import { nodeJson } from '../../project/nodes.ts';
import type { RunState } from '../../project/run-state.ts';
import { StudyRun } from '../../project/study-run.ts';
import { noteUpToDate } from '../../project/up-to-date.ts';
import type { Failure } from '../../base/failure.ts';
import type { RunResult } from '../../engine/run.ts';
import type { ReproOptions } from '../declarations/repro.ts';
import { writeDryRun } from '../dry-run-text.ts';
import { EXIT_CODE, exitCodeOf, exitCodeOfSignal } from '../exit-code.ts';
import { failureLine, failureTexts, warningTexts, writeFailure } from '../failure-text.ts';
import { listenForInterruption } from '../interruption.ts';
import { hintAtLint } from '../lint-hint.ts';
import { openJsonView } from '../json-view.ts';
import { openLiveView } from '../live-view.ts';
import { missingErrors } from '../missing-text.ts';
import { openPlainView } from '../plain-view.ts';
import { isOutputLost } from '../process-guard.ts';
import type { RunView } from '../run-view.ts';
import { submitSettings } from '../submit-settings.ts';
import { sentLine } from '../submission-text.ts';
import { sendFromTerminal } from '../send-run.ts';
import { studyLine } from '../study-text.ts';
import { writeSummary } from '../summary-text.ts';
import { noteMissingCache } from '../missing-cache-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

/** Also how `swp verify --heal` computes what was lost. */
export async function planAndRun(words: string[], options: ReproOptions): Promise<void> {
  const terminal = openTerminal();
  const project = await openProject(options);
  const cluster = submitSettings(project, options);
  noteMissingCache(options, terminal, options.dryRun ? undefined : 'The run makes one.');
  const planned = await planRun(project, words, { changesNothing: options.dryRun ?? false });
  hintAtLint(project, terminal);
  if (options.memoryPerNode !== undefined && !existsSync('/proc/self/status'))
    terminal.errorLine(`${terminal.colors.yellow('note:')} --memory-per-node ends no node here: there is no /proc.`);
  if (options.dryRun) return sayDryRun(project, planned, options, terminal);
  writeWarnings(planned.plan.warnings, terminal);
  const records = await run(project, planned, options, cluster, terminal);
  if (words.length === 0) await noteUpToDate(options, project, records);
}

async function sayDryRun(
  project: Project,
  planned: PlannedRun,
  { json, verbose = false }: ReproOptions,
  terminal: Terminal,
): Promise<void> {
  const found = await dryRun(project, planned);
  const { event, lengths, toRun } = found;
  const { missing: missingInputs, plan } = planned;
  if (json)
    return terminal.line(
      JSON.stringify({ ...event, lengths, toRun: toRun.map(nodeJson), missingInputs, warnings: plan.warnings }),
    );
  writeDryRun(studyLine(sizeOf(project.study), terminal.colors), found, verbose, terminal);
  for (const text of missingErrors(planned, terminal.colors)) terminal.lines(text);
  writeWarnings(plan.warnings, terminal);
}

/** @returns the records of all nodes that have a result now */
async function run(
  project: Project,
  planned: PlannedRun,
  options: ReproOptions,
  cluster: SubmitSettings | undefined,
  terminal: Terminal,
): Promise<RunResult['records']> {
  const sent = cluster && (await sendFromTerminal(project, planned, cluster, terminal));
  const ofJobs: Failure[] = [];
  const run = new StudyRun(
    project,
    planned,
    sent === undefined
      ? { ...options, checkpointSeconds: options.checkpointEvery }
      : followSettings(project, planned, sent, (failure) => {
          if (failure.kind === 'job') ofJobs.push(failure);
          else view.note(failureLine(failure));
        }),
  );
  if (sent === undefined) await run.estimate();
  const view = await openView(() => run.openState(), options, terminal);
  if (!options.json && sent?.sent !== undefined) view.note(sentLine(sent.sent));
  const interruption = listenForInterruption((text) => view.note(text), {
    stopping: sent && 'Leaving; the jobs go on.',
  });
  try {
    const result = await run.execute(view.emit, interruption.signal).finally(() => view.close());
    const willRender = run.hasReport && !interruption.signal.aborted;
    if (!options.json && terminal.interactive && result.ran > 0 && willRender) terminal.line('Rendering the report.');
    const { summary, report, reportFailure, warnings } = await run.conclude(interruption.signal);
    writeWarnings([...ofJobs, ...warnings], terminal);
    // A summary for people, on standard error, where a program that read the events has gone.
    if (options.json && !isOutputLost()) view.emit(summary);
    else {
      const failures = failureTexts(
        result.failures.map(({ failure }) => failure),
        terminal.colors,
      );
      const missing = missingErrors(planned, terminal.colors);
      writeSummary({ summary, failures, missing, report, inJobs: sent !== undefined, terminal });
    }
    for (const failure of [reportFailure, interruption.failure])
      if (failure !== undefined) writeFailure(failure, terminal);
    process.exitCode = exitCodeFor(result, summary.stopped, interruption.failure ?? reportFailure);
    return result.records;
  } finally {
    interruption.stopListening();
  }
}

/** To standard error, also with --json. */
function writeWarnings(warnings: readonly Failure[], terminal: Terminal): void {
  for (const text of warningTexts(warnings, terminal.colors)) terminal.errorLines(text);
}

async function openView(
  openState: () => Promise<RunState>,
  { json, verbose = false }: ReproOptions,
  terminal: Terminal,
): Promise<RunView> {
  if (json) return openJsonView(terminal);
  const state = await openState();
  return terminal.interactive
    ? openLiveView({ terminal, state, verbose })
    : openPlainView({ terminal, state, verbose });
}

function exitCodeFor(
  { failed, blocked }: RunResult,
  stopped: string | undefined,
  failure: Failure | undefined,
): number {
  if (stopped?.startsWith('SIG')) return exitCodeOfSignal(stopped);
  if (failure !== undefined && stopped !== undefined) return exitCodeOf(failure);
  if (failed + blocked > 0) return EXIT_CODE.nodesFailed;
  return failure === undefined ? EXIT_CODE.ok : exitCodeOf(failure);
}

/** swp repro: does the work that is missing, shows it while it goes on, and ends with the report. */
import { InvalidArgumentError, type Command } from 'commander';
import type { HistoryEntry, HistoryEstimate } from '../../cache/run-history.ts';
import type { EventSink, SwpEvent } from '../../engine/event.ts';
import type { Failure } from '../../base/failure.ts';
import type { Wanted } from '../../engine/needed-nodes.ts';
import type { Plan } from '../../engine/plan.ts';
import type { RunResult } from '../../engine/run.ts';
import type { GpuChoice } from '../../engine/resources/gpu-slots.ts';
import { EXIT_CODE, exitCodeOf } from '../exit-code.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';
import type { Project } from '../../project/project.ts';
import type { ProjectOptions } from '../../project/location.ts';
import type { RunView } from '../run-view.ts';
import { parseBytes } from '../quantity-parse.ts';
import type { RenderedReport } from '../../project/study-report.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

interface ReproOptions extends ProjectOptions {
  jobs?: number;
  gpus?: string;
  memoryPerNode?: number;
  checkpointEvery: number;
  dryRun?: boolean;
  verbose?: boolean;
}

export function declareRepro(program: Command): Command {
  const command = program
    .command('repro')
    .description('Do all work that is missing, then render the report.')
    .argument('[selectors...]', 'only these nodes and what they need, e.g. experiment=A1')
    .option('-j, --jobs <number>', 'nodes at a time (default: the CPUs there are)', positiveInteger)
    .option(
      '--gpus <which>',
      'GPUs for nodes that need one: auto, none, or indices such as 0,1 (default: $SWP_GPUS, else auto)',
    )
    .option('--memory-per-node <size>', 'end a node that takes more, e.g. 8GB (Linux)', parseBytes)
    .option('--checkpoint-every <seconds>', 'how often a long node keeps its state', positiveInteger, 60)
    .option('-n, --dry-run', 'say what would be done')
    .option('-v, --verbose', 'a line for every node that is done')
    .addHelpText(
      'after',
      `
Examples:
  swp repro                          everything; run it again and all of it is cached
  swp repro --dry-run                what would run, and why
  swp repro experiment=A1 seed=0     one run
  swp repro --profile table --jobs 8
  swp repro --json                   one event a line; the last one is
                                     {"event":"summary","nodes":{"total":..,"cached":..,"ran":..,"failed":..}}

Ctrl-C stops within two seconds; what is done is kept, and swp repro continues. A node that fails stops nothing but
the nodes that need it.
${SELECTOR_HELP}`,
    )
    .action(repro);
  return withStudyOptions(command);
}

/** Also how `swp verify --heal` computes what was lost. */
export async function repro(words: string[], options: ReproOptions): Promise<void> {
  const terminal = openTerminal();
  const { findUpToDate, noteUpToDate } = await import('../../project/up-to-date.ts');
  const upToDate = words.length > 0 ? undefined : findUpToDate(options);
  if (upToDate !== undefined) {
    const { sayUpToDate } = await import('../nothing-to-do.ts');
    process.exitCode = await sayUpToDate(upToDate, options, terminal);
    return;
  }
  const { openProject, planProject, selectPlanned } = await import('../../project/project.ts');
  const project = await openProject(options);
  const planned = await planProject(project);
  await hintAtLint(project, terminal);
  const wanted =
    words.length > 0
      ? { targets: selectPlanned(planned, words).map(({ node }) => node.key), gather: await reportKeys(project) }
      : {};
  if (options.dryRun) {
    const { writeDryRun } = await import('../dry-run.ts');
    return writeDryRun({
      project,
      planned,
      wanted,
      json: options.json ?? false,
      verbose: options.verbose ?? false,
      terminal,
    });
  }
  const result = await runStudy(project, planned, { ...wanted, words }, options, terminal);
  process.exitCode = result.exitCode;
  if (words.length === 0) await noteUpToDate(options, project, result.records);
}

/** What the report is made of: with a selector, it shows what there is, and lists the rest as missing. */
async function reportKeys(project: Project): Promise<string[]> {
  const { resultsKey } = await import('../../project/study-report.ts');
  const key = resultsKey(project);
  return key === undefined ? [] : [key];
}

async function runStudy(
  project: Project,
  planned: Plan,
  { words, ...wanted }: Wanted & { words: string[] },
  options: ReproOptions,
  terminal: Terminal,
): Promise<{ exitCode: number; records: RunResult['records'] }> {
  await warn(planned.warnings, terminal);
  const [{ run }, { usableCpus }, { HistoryRecorder }, { GpuSlots }] = await Promise.all([
    import('../../engine/run.ts'),
    import('../../base/usable-cpus.ts'),
    import('../../project/note-history.ts'),
    import('../../engine/resources/gpu-slots.ts'),
  ]);
  const jobs = options.jobs ?? usableCpus();
  const estimate = await estimateOf(project, planned, wanted, jobs);
  const view = await openView(planned, wanted, jobs, options, terminal);
  const interruption = listenForInterruption(view);
  const history = new HistoryRecorder();
  let result: RunResult;
  try {
    const { dag, cache, state, stages, study } = project;
    const emit: EventSink = (event) => {
      history.emit(event);
      view.emit(event);
    };
    const { memoryPerNode, checkpointEvery: checkpointSeconds } = options;
    const gpus = new GpuSlots({ choice: gpuChoice(options.gpus ?? process.env.SWP_GPUS) });
    result = await run({
      dag,
      cache,
      study: state,
      stages,
      jobs,
      emit,
      gpus,
      memoryPerNode,
      checkpointSeconds,
      signal: interruption.signal,
      ...wanted,
      plan: planned,
      root: study.root,
    });
  } finally {
    view.close();
    interruption.stopListening();
  }
  const { report, failure } = await renderIfPossible(project, result, terminal, options);
  const written = await history.write(project, result, words, {
    waited: performance.now() / 1000,
    ...(estimate && { estimate }),
  });
  await warn(
    [...result.warnings.slice(planned.warnings.length), ...(written.failure ? [written.failure] : [])],
    terminal,
  );
  const { total, cached, ran, failed, blocked, stopped } = result;
  const summary: SwpEvent = {
    event: 'summary',
    nodes: { total, cached, ran, failed, blocked },
    seconds: performance.now() / 1000, // since the process began: what the person waited
    ...(stopped !== undefined && { stopped }),
    ...(written.entry !== undefined && (await comparedWithEstimate(written.entry))),
    ...(report !== undefined && { report: report.html, highlights: report.highlights }),
  };
  if (options.json) view.emit(summary);
  else {
    const { writeSummary } = await import('../summary-text.ts');
    await writeSummary({ summary, result, report, terminal });
  }
  if (failure !== undefined) {
    const { failureText } = await import('../failure-text.ts');
    terminal.errorLine(failureText(failure, terminal.colors));
  }
  return { exitCode: exitCodeFor(result, failure), records: result.records };
}

/** What the run will take, by what was measured before; undefined if nothing was, or if nothing is to run. */
async function estimateOf(
  project: Project,
  planned: Plan,
  wanted: Wanted,
  jobs: number,
): Promise<HistoryEstimate | undefined> {
  if ([...planned.nodes.values()].every(({ state }) => state === 'cached')) return undefined;
  const { estimateStudy } = await import('../../estimate/study-estimate.ts');
  const { seconds, stages, unknown } = await estimateStudy(project, planned, { ...wanted, jobs, calibrate: 'never' });
  if (stages.length === 0 || unknown.length === new Set(stages.map(({ stage }) => stage)).size) return undefined;
  return {
    seconds,
    jobs,
    stages: stages.map(({ stage, nodes, seconds }) => ({ stage, nodes, seconds: seconds?.estimate ?? null })),
  };
}

async function comparedWithEstimate(
  entry: HistoryEntry,
): Promise<Pick<Extract<SwpEvent, { event: 'summary' }>, 'estimate'>> {
  const { accuracyOf } = await import('../../estimate/accuracy.ts');
  const accuracy = accuracyOf(entry);
  if (accuracy === undefined) return {};
  const { estimated, lower, upper, took, ratio } = accuracy;
  return { estimate: { estimated, lower, upper, took, ratio } };
}

/** A comparison that compares something else than it says costs no result, but what the report says of it. */
async function hintAtLint({ study }: Project, terminal: Terminal): Promise<void> {
  const [{ declareStudy }, { isOpenError, lintStudy }] = await Promise.all([
    import('../../pipeline/declaration.ts'),
    import('../../science/lint/lint.ts'),
  ]);
  const errors = lintStudy(declareStudy(study)).filter(isOpenError).length;
  if (errors > 0)
    terminal.errorLine(
      `${terminal.colors.yellow('note:')} swp lint finds ${errors} error${errors > 1 ? 's' : ''} in the declared comparisons of profile ${study.profile.name}; \`swp lint --profile ${study.profile.name}\` shows what.`,
    );
}

/** What costs no result. Standard error, whatever the output is. */
async function warn(warnings: Failure[], terminal: Terminal): Promise<void> {
  if (warnings.length === 0) return;
  const { warningText } = await import('../failure-text.ts');
  for (const warning of warnings) terminal.errorLine(warningText(warning, terminal.colors));
}

async function openView(
  planned: Plan,
  wanted: Wanted,
  jobs: number,
  options: ReproOptions,
  terminal: Terminal,
): Promise<RunView> {
  if (options.json) return (await import('../json-view.ts')).openJsonView(terminal);
  const [{ RunState }, { TimeLeft }, { neededNodes }] = await Promise.all([
    import('../../project/run-state.ts'),
    import('../../project/time-left.ts'),
    import('../../engine/needed-nodes.ts'),
  ]);
  const state = new RunState(new TimeLeft(planned, jobs, neededNodes(planned, wanted)));
  const verbose = options.verbose ?? false;
  if (terminal.interactive) return (await import('../live-view.ts')).openLiveView({ terminal, state, verbose });
  return (await import('../plain-view.ts')).openPlainView({ terminal, state, verbose });
}

/** The first Ctrl-C stops the run; further ones change nothing, so that stopping can finish its work. */
function listenForInterruption(view: RunView): { signal: AbortSignal; stopListening(): void } {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) return;
    view.note('Stopping. What is done is kept; `swp repro` continues.');
    controller.abort(name);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return { signal: controller.signal, stopListening: () => void process.off('SIGINT', stop).off('SIGTERM', stop) };
}

/**
 * A report with holes is still a report; one of a run that was stopped would only be older. A report that cannot be
 * written takes nothing from what the run did: the failure is told beside its summary.
 */
async function renderIfPossible(
  project: Project,
  result: RunResult,
  terminal: Terminal,
  { json }: ReproOptions,
): Promise<{ report?: RenderedReport; failure?: Failure }> {
  const { renderOrExplain, resultsKey } = await import('../../project/study-report.ts');
  const key = resultsKey(project);
  const record = key === undefined ? undefined : result.records.get(key);
  if (record === undefined || result.stopped !== undefined) return {};
  if (!json && terminal.interactive && result.ran > 0) terminal.line('Rendering the report.');
  return renderOrExplain(project, record);
}

function exitCodeFor({ stopped, failed, blocked }: RunResult, report: Failure | undefined): number {
  if (stopped !== undefined) return stopped === 'SIGTERM' ? EXIT_CODE.terminated : EXIT_CODE.interrupted;
  if (failed + blocked > 0) return EXIT_CODE.nodesFailed;
  return report === undefined ? EXIT_CODE.ok : exitCodeOf(report);
}

function gpuChoice(text: string | undefined): GpuChoice {
  if (text === undefined || text === '' || text === 'auto') return 'auto';
  return text === 'none' ? 'none' : text.split(',').filter((name) => name !== '');
}

function positiveInteger(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 to 9999.');
  return Number(text);
}

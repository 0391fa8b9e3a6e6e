/** A run of a study: does the work that is missing, renders the report, and writes down what was done. */
import type { HistoryEntry } from '../cache/run-history.ts';
import type { Failure } from '../base/failure.ts';
import type { EventSink, SwpEvent } from '../engine/event.ts';
import type { Executor } from '../engine/executor.ts';
import { usableCpus } from '../base/usable-cpus.ts';
import type { GpuChoice } from '../engine/executors/local/gpu-slots.ts';
import { isToRun } from '../engine/needed-nodes.ts';
import type { KeptArtifacts } from '../engine/run-eviction.ts';
import { run, stopReason, type RunResult } from '../engine/run.ts';
import { accuracyOf } from '../estimate/accuracy.ts';
import { forecastRun, type Forecast } from '../estimate/study-estimate.ts';
import { expectedDuration } from './estimates.ts';
import { HistoryRecorder } from './history-recorder.ts';
import { localExecutor, nodeEnvironment } from './local-executor.ts';
import type { PlannedRun } from './planned-run.ts';
import type { Project } from './project.ts';
import { RunState } from './run-state.ts';
import { renderOrExplain, resultsKey, type RenderedReport } from './study-report.ts';
import { TimeLeft } from './time-left.ts';

export interface RunSettings {
  /** Nodes at a time; as many as there are CPUs if absent. */
  jobs?: number | undefined;
  /** `auto`, `none`, or indices such as `0,1`; $SWP_GPUS if absent, else `auto`. */
  gpus?: string | undefined;
  /** Bytes that a node may take; no limit if absent. */
  memoryPerNode?: number | undefined;
  /** Seconds between two checkpoints of a long node. */
  checkpointSeconds?: number | undefined;
  /** Which large artifacts stay that no planned node needs any more; as the study says if absent. */
  keep?: KeptArtifacts | undefined;
  /** What runs the nodes, in place of workers of this machine; closed when they have ended. */
  openExecutor?: (emit: EventSink) => Executor;
  /** Whether the study's history tells of this run; true if absent. Jobs of a cluster tell of themselves. */
  isRecorded?: boolean;
  /** From when on somebody has been waiting, as `performance.now()` says it; since the process began if absent. */
  since?: number;
}

export type SummaryEvent = Extract<SwpEvent, { event: 'summary' }>;

/** How a run ended, its report included. */
export interface Conclusion {
  summary: SummaryEvent;
  /** Absent where the study has no results yet, or the run was stopped: a report of it would only be older. */
  report?: RenderedReport;
  /** Why the report could not be written, which takes nothing from what the run did. */
  reportFailure?: Failure;
  /** What cost no result, beyond the warnings of the plan. */
  warnings: Failure[];
}

/** Prepared by its constructor, run by `execute`, and brought to an end by `conclude`. */
export class StudyRun {
  readonly #project: Project;
  readonly #planned: PlannedRun;
  readonly #settings: RunSettings;
  readonly #jobs: number;
  readonly #history = new HistoryRecorder();
  #forecasted: Promise<Forecast> | undefined;
  #estimate: HistoryEntry['estimate'];
  #result: RunResult | undefined;

  constructor(project: Project, planned: PlannedRun, settings: RunSettings) {
    this.#project = project;
    this.#planned = planned;
    this.#settings = settings;
    this.#jobs = settings.jobs ?? usableCpus();
  }

  /** What a view of the run draws; events are applied to it by the view. */
  async openState(): Promise<RunState> {
    const most = this.#settings.openExecutor === undefined ? usableCpus() : Infinity;
    return new RunState(new TimeLeft(await this.#forecast(), Math.min(this.#jobs, most)));
  }

  /**
   * Notes what the nodes are expected to take, for `conclude` to compare. Changes nothing in the cache.
   * @throws SwpError of kind `file` if the cache cannot be read
   */
  async estimate(): Promise<void> {
    if (![...this.#planned.plan.nodes.values()].some(isToRun)) return;
    this.#estimate = await expectedDuration(this.#project, this.#planned, this.#jobs, await this.#forecast());
  }

  /** Read once: the expected duration and the time left rest on the same. */
  #forecast(): Promise<Forecast> {
    return (this.#forecasted ??= forecastRun(this.#project, this.#planned.plan, this.#planned.wanted));
  }

  /**
   * @param signal stops the run; its reason, if a string such as `SIGINT`, becomes `stopped`
   * @throws SwpError of kind `file` if the cache cannot be read
   */
  async execute(emit: EventSink, signal: AbortSignal): Promise<RunResult> {
    const { dag, cache, state, stages, study } = this.#project;
    const { gpus = process.env.SWP_GPUS, memoryPerNode, checkpointSeconds, keep = study.keep } = this.#settings;
    const hear: EventSink = (event) => {
      this.#history.emit(event);
      emit(event);
    };
    const executor = this.#settings.openExecutor?.(hear) ?? localExecutor({ jobs: this.#jobs, gpus: gpuChoice(gpus) });
    this.#result = await run({
      dag,
      cache,
      study: state,
      stages,
      executor,
      environment: () => nodeEnvironment(study.root),
      emit: hear,
      ...(memoryPerNode !== undefined && { memoryPerNode }),
      ...(checkpointSeconds !== undefined && { checkpointSeconds }),
      keep,
      slots: this.#jobs,
      signal,
      ...this.#planned.wanted,
      plan: this.#planned.plan,
    }).finally(() => executor.close());
    return this.#result;
  }

  /** Whether `conclude` renders a report. */
  get hasReport(): boolean {
    return this.#results() !== undefined;
  }

  /**
   * Renders the report, and writes the run into the study's history. After `execute`.
   * @param signal gives up the report; its reason becomes `stopped`
   */
  async conclude(signal?: AbortSignal): Promise<Conclusion> {
    const result = this.#result;
    if (result === undefined) throw new Error('A run is concluded before it was executed.');
    const results = this.#results();
    const { report, failure } = results === undefined ? {} : await renderOrExplain(this.#project, results, signal);
    if (signal?.aborted && results !== undefined && report === undefined && failure === undefined)
      result.stopped = stopReason(signal);
    const written = await this.#writeHistory(result);
    const { total, cached, ran, failed, blocked, stopped } = result;
    const accuracy = written.entry && accuracyOf(written.entry);
    const warnings = [...result.warnings, ...(written.failure ? [written.failure] : [])];
    return {
      summary: {
        event: 'summary',
        nodes: { total, cached, ran, failed, blocked },
        seconds: this.#secondsWaited(),
        ...(stopped !== undefined && { stopped }),
        ...(result.evicted !== undefined && { evicted: result.evicted }),
        ...(accuracy !== undefined && { estimate: comparison(accuracy) }),
        ...(warnings.length > 0 && { warnings }),
        ...(report !== undefined && { report: report.html, highlights: report.highlights }),
        ...(report?.kept !== undefined && { kept: report.kept }),
      },
      ...(report !== undefined && { report }),
      ...(failure !== undefined && { reportFailure: failure }),
      warnings: warnings.slice(this.#planned.plan.warnings.length),
    };
  }

  async #writeHistory(result: RunResult): ReturnType<HistoryRecorder['write']> {
    if (this.#settings.isRecorded === false) return {};
    return this.#history.write(this.#project, result, [...this.#planned.selectors], {
      waited: this.#secondsWaited(),
      ...(this.#estimate && { estimate: this.#estimate }),
    });
  }

  #secondsWaited(): number {
    return (performance.now() - (this.#settings.since ?? 0)) / 1000;
  }

  /** The record that the report is made of. A report with holes is still a report. */
  #results() {
    const key = resultsKey(this.#project);
    return key === undefined || this.#result?.stopped !== undefined ? undefined : this.#result?.records.get(key);
  }
}

function comparison({ estimated, lower, upper, took, ratio }: NonNullable<SummaryEvent['estimate']>) {
  return { estimated, lower, upper, took, ratio };
}

function gpuChoice(text: string | undefined): GpuChoice {
  if (text === undefined || text === '' || text === 'auto') return 'auto';
  return text === 'none' ? 'none' : text.split(',').filter((name) => name !== '');
}

/** A study for other programs: open, plan, run, read results, report. docs/api.md shows it at work. */
import type { Failure } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';
import type { CacheRecord } from '../cache/record.ts';
import type { SwpEvent } from '../engine/event.ts';
import type { NodeLabel } from '../engine/stage.ts';
import type { StudyResults } from '../report/read-results.ts';
import {
  BYTES,
  checkArgument,
  checkOptions,
  FUNCTION,
  JOBS,
  KEEP,
  SELECTORS,
  SIGNAL,
  TEXT,
  type OptionType,
} from './check-options.ts';
import { readMetrics } from './metrics.ts';
import type { MetricsRow, MissingInput, NodeJson } from './node-rows.ts';
import { nodeJson, planNodes } from './nodes.ts';
import { planRun } from './planned-run.ts';
import { openProject, type Project } from './project.ts';
import { readRecord } from './records.ts';
import { readLatestResults, renderLatest, type RenderedReport } from './study-report.ts';
import { partLines } from '../report/summary.ts';
import { StudyRun } from './study-run.ts';

export interface OpenOptions {
  /** Path of pipeline.json; the one in the working folder or in a folder above if absent. */
  pipeline?: string;
  /** The study's size; $SWP_PROFILE if absent, else the study's `defaultProfile`. */
  profile?: string;
  /** Where results are kept; $SWP_CACHE if absent, else `cache/` beside the study. */
  cache?: string;
  /** `cpu`, `cuda` or `webgpu` for every stage that declares a device; what the study says if absent. */
  device?: string;
  /** `onnx`, `exact` or `tensorflow` for every stage that declares an engine; what the study says if absent. */
  engine?: string;
}

export interface RunOptions {
  /** Only these nodes and what they need, such as `['experiment=A1', 'seed=0']`. */
  select?: readonly string[];
  /** Nodes at a time; as many as there are CPUs if absent. */
  jobs?: number;
  /** `auto`, `none`, or indices such as `0,1`; $SWP_GPUS if absent, else `auto`. */
  gpus?: string;
  /** Bytes that a node may take; no limit if absent. */
  memoryPerNode?: number;
  /** Weights that stay when no planned node needs them; as the study says if absent. */
  keep?: 'all' | 'last' | 'none';
  /** Stops the run: what is done is kept, and the next run goes on. */
  signal?: AbortSignal;
  /**
   * Is told what happens, as `swp repro --json` writes it; the last event is the summary. If it throws, the run stops
   * as by the signal, and rejects with what was thrown.
   */
  onEvent?: (event: SwpEvent) => void;
}

export interface RunOutcome {
  /** How many nodes: all of them, and how each came to its result. */
  nodes: { total: number; cached: number; ran: number; failed: number; blocked: number };
  seconds: number;
  /** The reason of the signal that stopped the run if that is a string, else `stop`. */
  stopped?: string;
  /** Nodes that failed; those that need them were not run. */
  failures: { key: string; stage: string; label: NodeLabel; failure: Failure }[];
  /** What nodes lack, so that they and those that need them were not run. */
  missingInputs: MissingInput[];
  /** What went wrong and cost no result. */
  warnings: Failure[];
  /** Absent without results, or if the run was stopped. */
  report?: StudyReport;
}

export interface StudyReport {
  /** Absolute path of the page. */
  html: string;
  /** The essential numbers. */
  highlights: JsonObject;
  /** The same in words, line by line. */
  summary: string[];
}

export interface NodeRecord extends NodeJson {
  params: JsonObject;
  /** Absolute paths of files in the cache, by name: read them, never change them. */
  artifacts: Record<string, string>;
  /** Null if the node has no result. */
  record: CacheRecord | null;
}

/**
 * Opens a study: reads its declaration, and makes its DAG. Files that it names are read now; after a change, open it
 * anew.
 * @throws SwpError whose `failure` says what is wrong, where, and what to do
 */
export async function openStudy(options: OpenOptions = {}): Promise<OpenStudy> {
  checkOptions('openStudy', options, OPEN_OPTIONS);
  return OpenStudy.open(options);
}

const OPEN_OPTIONS = { pipeline: TEXT, profile: TEXT, cache: TEXT, device: TEXT, engine: TEXT } satisfies Record<
  keyof OpenOptions,
  OptionType
>;
const RUN_OPTIONS = {
  select: SELECTORS,
  jobs: JOBS,
  gpus: TEXT,
  memoryPerNode: BYTES,
  keep: KEEP,
  signal: SIGNAL,
  onEvent: FUNCTION,
} satisfies Record<keyof RunOptions, OptionType>;

/** Made by openStudy. Every method throws an SwpError for what a user can get wrong. */
export class OpenStudy {
  readonly #project: Project;

  private constructor(project: Project) {
    this.#project = project;
  }

  static async open(options: OpenOptions): Promise<OpenStudy> {
    return new OpenStudy(await openProject(options));
  }

  get name(): string {
    return this.#project.study.name;
  }

  /** The profile's name. */
  get profile(): string {
    return this.#project.study.profile.name;
  }

  /** Those of the profile. */
  get experiments(): { id: string; description: string; seeds: number[]; rounds: number }[] {
    return this.#project.study.experiments.map(({ id, description, seeds, rounds }) => ({
      id,
      description,
      seeds: [...seeds],
      rounds,
    }));
  }

  /**
   * Every node with its state, as it is now, producers first.
   * @param select selectors such as `stage=train`; all nodes if there are none
   */
  async plan(select: readonly string[] = []): Promise<NodeJson[]> {
    checkArgument('plan', 'select', select, SELECTORS);
    return (await planNodes(this.#project, select)).map(nodeJson);
  }

  /** Does the work that is missing, renders the report, and notes the run in the study's history. One run at a time. */
  async run(options: RunOptions = {}): Promise<RunOutcome> {
    checkOptions('run', options, RUN_OPTIONS);
    const { select = [], signal, onEvent = () => {}, ...settings } = options;
    const planned = await planRun(this.#project, select);
    const run = new StudyRun(this.#project, planned, { ...settings, since: performance.now() });
    await run.estimate();
    const listener = new Listener(onEvent, signal);
    const { failures } = await run.execute(listener.emit, listener.signal);
    const { summary, report, reportFailure, warnings } = await run.conclude();
    listener.emit(summary);
    listener.throwIfFailed();
    const { nodes, seconds, stopped } = summary;
    return {
      nodes,
      seconds,
      failures,
      missingInputs: planned.missing,
      warnings: [...planned.plan.warnings, ...warnings, ...(reportFailure ? [reportFailure] : [])],
      ...(stopped !== undefined && { stopped }),
      ...(report !== undefined && { report: forPrograms(report) }),
    };
  }

  /** The latest results of the whole study, which may have holes; undefined before there are any. */
  results(): Promise<StudyResults | undefined> {
    return readLatestResults(this.#project);
  }

  /**
   * What was measured, place by place; places without a result are left out.
   * @param select selectors such as `stage=eval`
   * @param columns names of metrics with globs, separated by commas, such as `loss,spars*`
   */
  async metrics(select: readonly string[] = [], columns?: string): Promise<MetricsRow[]> {
    checkArgument('metrics', 'select', select, SELECTORS);
    if (columns !== undefined) checkArgument('metrics', 'columns', columns, TEXT);
    return (await readMetrics(this.#project, select, columns)).rows;
  }

  /**
   * What is recorded of nodes: parameters, metrics, environment, and the paths of what they made.
   * @param select selectors such as `stage=prune experiment=A1`
   */
  async records(select: readonly string[] = []): Promise<NodeRecord[]> {
    checkArgument('records', 'select', select, SELECTORS);
    const nodes = await planNodes(this.#project, select);
    return Promise.all(
      nodes.map(async (planned) => {
        const { record, artifacts } = await readRecord(this.#project, planned);
        return { ...nodeJson(planned), params: planned.node.params, artifacts, record: record ?? null };
      }),
    );
  }

  /** Renders the report anew from the latest results. */
  async report(): Promise<StudyReport> {
    return forPrograms(await renderLatest(this.#project));
  }
}

/**
 * Calls another program's `onEvent`. An exception of it must not arise inside the engine, where messages of workers
 * arrive: it would end the whole process. So it stops the run, and is thrown when the run has ended.
 */
class Listener {
  readonly #onEvent: (event: SwpEvent) => void;
  readonly #failing = new AbortController();
  #thrown: { error: unknown } | undefined;
  /** Stops the run, by the caller's signal or because `onEvent` threw. */
  readonly signal: AbortSignal;

  constructor(onEvent: (event: SwpEvent) => void, signal: AbortSignal | undefined) {
    this.#onEvent = onEvent;
    this.signal = signal === undefined ? this.#failing.signal : AbortSignal.any([signal, this.#failing.signal]);
  }

  readonly emit = (event: SwpEvent): void => {
    if (this.#thrown !== undefined) return;
    try {
      this.#onEvent(event);
    } catch (error) {
      this.#thrown = { error };
      this.#failing.abort('onEvent threw');
    }
  };

  /** @throws what `onEvent` threw first */
  throwIfFailed(): void {
    if (this.#thrown !== undefined) throw this.#thrown.error;
  }
}

/** A report with its summary in the lines of a terminal that is wide enough. */
function forPrograms({ summary, ...report }: RenderedReport): StudyReport {
  return { ...report, summary: summary.flatMap(partLines) };
}

/** One stage, run once in a worker: its paths, its log, its outputs, and how it can fail. */
import { linkSync, lstatSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileFailure, isAbsent } from '../base/file-failure.ts';
import type { CacheRecord } from '../cache/record.ts';
import type { Checkpoint } from '../cache/trajectory-store.ts';
import type { Reason } from './event.ts';
import { SwpError } from '../base/failure.ts';
import { isOutOfDeviceMemory } from './resources/out-of-memory.ts';
import { artifactOf } from './node-identity.ts';
import type { PlannedNode } from './node.ts';
import { placeOf } from './stage.ts';
import type { RunContext } from './run-context.ts';
import type { GatheredArtifact, Metrics, StageOutput } from './stage.ts';
import type { StartingPoint, TrajectoryPoint } from './trajectory.ts';
import type { WorkerJob } from './worker-message.ts';
import type { JobListener, JobOutcome } from './worker-process.ts';

export interface StageResult {
  /** Finished files by output name, and the name each is published under. */
  outputs: Record<string, { path: string; file: string; evictable?: boolean }>;
  metrics: Metrics;
  seconds: number;
  startedAt: Date;
  finishedAt: Date;
  /** Relative to the cache. */
  log?: string;
  /** Length of the trajectory from which it went on. */
  resumedAt?: number;
}

/**
 * Paths for the worker. Every artifact consumed is checked against its digest.
 * @param outputs an empty directory
 * @param recordOf record of a producer; undefined for one whose gathered artifact is missing
 * @throws SwpError of kind `content` for an artifact that is damaged
 */
export async function prepareJob(
  node: PlannedNode,
  outputs: string,
  recordOf: (producer: string) => CacheRecord | undefined,
  { cache, stages }: Pick<RunContext, 'cache' | 'stages'>,
): Promise<WorkerJob> {
  const verifiedPath = async (key: string, name: string) => {
    const record = recordOf(key);
    if (record === undefined) return undefined;
    const artifact = artifactOf(record, name);
    await cache.verify(artifact);
    return pin(cache.artifactPath(artifact), join(outputs, `.input-${pinned++}${extname(artifact.file)}`));
  };
  let pinned = 0;
  const inputs: Record<string, string> = {};
  for (const [name, { key, artifact }] of Object.entries(node.inputs))
    inputs[name] = (await verifiedPath(key, artifact))!;
  const gathered: Record<string, GatheredArtifact[]> = {};
  for (const [name, items] of Object.entries(node.gathers)) {
    gathered[name] = [];
    for (const { key, artifact, label, stage } of items) {
      const path = await verifiedPath(key, artifact);
      gathered[name].push({ label, stage, artifact, key, ...(path !== undefined && { path }) });
    }
  }
  const outputPaths = Object.entries(node.stage.outputs).map(
    ([name, { file }]) => [name, join(outputs, file)] as const,
  );
  return {
    module: stages.modulePath(node.stage.name),
    params: node.params,
    inputs,
    gathered,
    outputs: Object.fromEntries(outputPaths),
  };
}

/**
 * A second name for an artifact as long as a node runs: whoever evicts it meanwhile takes away the first one only.
 * @returns the path to use
 */
function pin(path: string, link: string): string {
  try {
    linkSync(path, link);
    return link;
  } catch (error) {
    if (isAbsent(error)) throw fileFailure(error, path, 'read');
    return path; // a file system without links, or with too many of them
  }
}

/** A node that is on a trajectory: where it goes on, and where its checkpoints go. */
export interface Journey {
  point: TrajectoryPoint;
  from: StartingPoint | undefined;
  /** Id of the dismissed record that it replaces. */
  replaces: string | null;
}

/** What the worker is to know of a journey. */
export async function prepareJourney(
  { point, from }: Journey,
  outputs: string,
  everySeconds: number,
): Promise<Pick<WorkerJob, 'resume' | 'checkpoints'>> {
  const folder = join(outputs, '.checkpoints'); // no output can be called so
  await mkdir(folder);
  return { ...(from && { resume: from }), checkpoints: { folder, everySeconds, state: point.declared.state } };
}

/**
 * Runs the job in a worker.
 * @param key the recipe key that names the log
 * @param journey of a node that is on a trajectory
 * @returns `stopped` if the user stopped the run meanwhile
 * @throws SwpError of kind `stage` or `worker-died`, naming the log
 */
export async function runStage(
  node: PlannedNode,
  key: string,
  job: WorkerJob,
  reason: Reason,
  { cache, pool, emit, signal }: RunContext,
  journey?: Journey,
  env?: Record<string, string>,
): Promise<StageResult | 'stopped'> {
  const [label] = node.labels;
  const stage = node.stage.name;
  const log = cache.log(key);
  const lines = new LineReader((line) => emit({ event: 'node-log', key: node.key, line }));
  let logTrouble: unknown;
  let keeping: Promise<void> = Promise.resolve();
  const listener: JobListener = {
    output(text) {
      try {
        log.write(text);
      } catch (error) {
        logTrouble ??= error; // thrown below: here it would reach nobody
      }
      lines.push(text);
    },
    progress: (progress) => emit({ event: 'node-progress', key: node.key, progress }),
    ...(journey && {
      checkpoint: ({ at, files, folder }) => (keeping = keepCheckpoint(journey, { at, files }, folder)),
    }),
  };
  /** One that cannot be kept costs time if the run is killed, and nothing now. */
  async function keepCheckpoint(
    { point, replaces }: Journey,
    { at, files }: Pick<Checkpoint, 'at' | 'files'>,
    folder: string,
  ): Promise<void> {
    try {
      await cache.trajectories.keep(point.trajectory, { at, files, replaces }, folder);
      emit({ event: 'node-checkpoint', key: node.key, at });
    } catch (error) {
      if (!(error instanceof SwpError)) throw error;
      listener.output(`The checkpoint at ${at} was not kept: ${error.message}\n`);
    }
  }
  const startedAt = new Date();
  const start = performance.now();
  try {
    const started = (worker: number) =>
      emit({
        event: 'node-start',
        key: node.key,
        stage,
        label: label!,
        sharedBy: node.labels.length,
        reason,
        worker,
        ...(journey?.from && { resumedAt: journey.from.at, interrupted: journey.from.interrupted }),
      });
    const outcome = await pool.run(job, started, listener, env);
    const seconds = (performance.now() - start) / 1000;
    if (signal.aborted && outcome.kind !== 'done') return 'stopped';
    if (outcome.kind !== 'done') log.write(epitaph(outcome));
    if (logTrouble !== undefined) throw logTrouble;
    const failed = { stage, node: placeOf(label!), ...(log.path !== undefined && { log: log.path }) };
    if (outcome.kind === 'too-large')
      throw new SwpError({ ...failed, kind: 'memory-limit', limit: outcome.limit, reached: outcome.reached });
    if (outcome.kind === 'error' && isOutOfDeviceMemory(outcome.message))
      throw new SwpError({ ...failed, kind: 'out-of-memory', message: outcome.message.split('\n')[0]! });
    if (outcome.kind === 'died') throw new SwpError({ ...outcome, ...failed, kind: 'worker-died' });
    const message = outcome.kind === 'error' ? outcome.message : objection(job, outcome.metrics);
    const cause = outcome.kind === 'error' && outcome.cause !== undefined ? { cause: outcome.cause } : {};
    if (message !== undefined) throw new SwpError({ kind: 'stage', message, ...cause, ...failed });
    const { metrics } = outcome as { metrics: Metrics };
    const outputs = Object.fromEntries(
      Object.entries(job.outputs).map(([name, path]) => [name, { path, ...published(node.stage.outputs[name]!) }]),
    );
    const resumedAt = journey?.from?.at;
    return {
      outputs,
      metrics,
      seconds,
      startedAt,
      finishedAt: new Date(),
      ...(log.name !== undefined && { log: log.name }),
      ...(resumedAt !== undefined && { resumedAt }),
    };
  } finally {
    await keeping;
    log.close();
  }
}

function published({ file, evictable = false }: StageOutput): { file: string; evictable?: boolean } {
  return { file, ...(evictable && { evictable }) };
}

/** The last words of a log. */
function epitaph(outcome: Exclude<JobOutcome, { kind: 'done' }>): string {
  if (outcome.kind === 'error') return `${outcome.stack}\n`;
  if (outcome.kind === 'too-large')
    return `The worker process took ${outcome.reached} bytes, more than ${outcome.limit}, and was ended.\n`;
  const how = outcome.signal !== undefined ? `by the signal ${outcome.signal}` : `with exit code ${outcome.exitCode}`;
  return `The worker process ended ${how}, without an answer.\n`;
}

/** What is wrong with the result of a stage that did not throw; undefined if nothing is. */
function objection(job: WorkerJob, metrics: unknown): string | undefined {
  if (typeof metrics !== 'object' || metrics === null || Array.isArray(metrics))
    return 'The stage returned no object of metrics.';
  for (const [name, value] of Object.entries(metrics))
    if (value !== null && !['number', 'string', 'boolean'].includes(typeof value))
      return `The metric "${name}" is no number, string, boolean or null.`;
  for (const [name, path] of Object.entries(job.outputs)) {
    const written = lstatSync(path, { throwIfNoEntry: false });
    if (!written?.isFile()) return `The stage did not write its output "${name}".`;
  }
  return undefined;
}

/** Cuts a stream of text into lines. */
class LineReader {
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#onLine(line);
  }
}

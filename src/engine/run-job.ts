/**
 * Runs one node's job in a slot: prepares it, keeps its log and its checkpoints, checks what it made, and publishes it.
 */
import { lstatSync, rmSync, statSync } from 'node:fs';
import type { Cache, Publication, VirtualOutput } from '../cache/cache.ts';
import type { CacheRecord } from '../cache/record.ts';
import type { NodeLog } from '../cache/node-log.ts';
import { FileDigests } from '../base/file-digests.ts';
import { readVirtualFile } from '../base/virtual-file.ts';
import { SwpError } from '../base/failure.ts';
import { failureOf } from '../base/file-failure.ts';
import { wholeRecord } from './existing-result.ts';
import type { JobEvent, JobOutcome, PreparedJob, Slot } from './executor.ts';
import { artifactOf } from './node-identity.ts';
import { filesAtStart, refuseChangedCode, refuseChanges, type FileState } from './external-file.ts';
import { LineSplitter } from './line-splitter.ts';
import {
  externalFiles,
  pinState,
  prepareCheckpoints,
  prepareJob,
  verifiedArtifacts,
  type FindArtifact,
} from './prepare-job.ts';
import { recordOf, startEvent, type NodeWork, type RunContext } from './run-context.ts';
import { placeOf, type Metrics, type StageOutput } from './stage.ts';
import { startingPoint, type StartingPoint, type TrajectoryPoint } from './trajectory.ts';

/** What a job adds to a node's publication. */
type StageResult = Omit<
  Publication,
  'key' | 'contentKey' | 'stage' | 'preimage' | 'contentPreimage' | 'environment'
> & {
  /** What was read from outside of the cache, as it was before. */
  read: FileState[];
};

/** A starting point that goes before it is had is looked for anew; then the node begins at the beginning. */
const PIN_TRIES = 5;

/** How a node on a trajectory runs. */
interface TrajectoryRun {
  point: TrajectoryPoint;
  /** Where it goes on; undefined for the beginning. */
  from: StartingPoint | undefined;
  /** Id of the dismissed record that it replaces. */
  replaces: string | null;
}

/**
 * @returns `cancelled` if the user stopped the run meanwhile
 * @throws SwpError for whatever goes wrong with the node
 */
export async function computeNode(work: NodeWork, slot: Slot, context: RunContext): Promise<CacheRecord | 'cancelled'> {
  using folder = await openOutputFolder(context.cache);
  const made = await runJob(work, folder.path, slot, context);
  if (made === 'cancelled') return 'cancelled';
  slot.release(); // publication waits for the disk: the slot serves another node meanwhile
  return await publish(made, work, context);
}

/** Under both keys, and as a stop of its trajectory. */
async function publish(
  { read, ...made }: StageResult,
  { planned: { node }, identity, point }: NodeWork,
  { cache, stages, environment, warn }: RunContext,
): Promise<CacheRecord> {
  await refuseChanges(read, node.stage.name, stages);
  await rememberSources(made.virtual ?? {}, read);
  const { code, packages } = await stages.load(node.stage.name);
  const record = await cache.publish({
    ...identity,
    ...made,
    stage: node.stage.name,
    environment: { ...(await environment()), code, packages },
  });
  if (point !== undefined)
    await cache.trajectories.addStop(point.trajectory, { at: point.at, key: record.key }).catch((error: unknown) => {
      // The result is there: without the note, a longer run begins earlier.
      const failure = failureOf(error);
      if (failure === undefined) throw error;
      warn(failure);
    });
  return record;
}

/** Files that virtual artifacts are made of are found by their digests, should they move. */
async function rememberSources(virtual: Record<string, VirtualOutput>, read: readonly FileState[]): Promise<void> {
  const parts = Object.values(virtual).flatMap((output) => Object.values(output.parts));
  const external = new Set(parts.flatMap((part) => ('external' in part && part.external ? [part.sha256] : [])));
  for (const { path, sha256, stamp } of read)
    if (sha256 !== undefined && external.has(sha256)) await FileDigests.ofUser().remember(path, sha256, stamp);
}

/** A folder for what a node makes; what is left in it goes when it is disposed of. */
async function openOutputFolder(cache: Cache): Promise<{ path: string } & Disposable> {
  const path = await cache.scratch.node();
  return {
    path,
    [Symbol.dispose]: () => {
      try {
        rmSync(path, { recursive: true, force: true });
      } catch {
        // It is under the process's own scratch folder, which goes as a whole.
      }
    },
  };
}

/**
 * @param folder an empty directory
 * @returns `cancelled` if the user stopped the run meanwhile
 * @throws SwpError of kind `stage`, `worker-died`, `memory-limit` or `out-of-memory`, naming the log
 */
async function runJob(
  work: NodeWork,
  folder: string,
  slot: Slot,
  context: RunContext,
): Promise<StageResult | 'cancelled'> {
  const { node } = work.planned;
  const { cache, stages, checkpointSeconds, signal } = context;
  const trajectory = await planTrajectory(work, folder, context);
  const sources: { path: string; sha256: string }[] = [];
  const findVerified = verifiedArtifacts(cache, (key) => recordOf(work.producers, key));
  const findArtifact: FindArtifact = async (producer, artifact) => {
    const found = await findVerified(producer, artifact);
    if (found !== undefined) sources.push(...externalFiles(found));
    return found;
  };
  const unwanted = context.unwanted(node);
  const job: PreparedJob = {
    ...(await prepareJob(node, folder, stages, findArtifact)),
    ...(trajectory && {
      checkpoints: await prepareCheckpoints(folder, checkpointSeconds, trajectory.point.declared.state),
    }),
    ...(trajectory?.from && { resume: trajectory.from }),
    ...(unwanted.length > 0 && { unwanted }),
  };
  await refuseChangedCode(node.stage.name, stages);
  const read = await filesAtStart(node, sources);

  const log = cache.log(work.identity.key);
  const listener = new JobListener(work, trajectory, log, context);
  const startedAt = new Date();
  const start = performance.now();
  try {
    const outcome = await slot.submit(job, (event) => listener.hear(event), signal);
    const seconds = (performance.now() - start) / 1000;
    if (outcome.kind === 'cancelled') return 'cancelled';
    if (outcome.kind !== 'done') log.write(lastLogText(outcome));
    listener.throwLogError();
    const metrics = metricsOf(outcome, job, {
      stage: node.stage.name,
      node: placeOf(node.labels[0]!),
      ...(log.path !== undefined && { log: log.path }),
    });
    return {
      ...(await outputsOf(work, job)),
      metrics,
      read,
      seconds,
      startedAt,
      finishedAt: new Date(),
      ...(log.name !== undefined && { log: log.name }),
      ...(trajectory?.from && { resumedAt: trajectory.from.at }),
    };
  } finally {
    listener.endOutput();
    await listener.checkpointsKept;
    log.close();
  }
}

/**
 * Of a node on a trajectory: where it goes on. Other processes on the same trajectory remove checkpoints that they have
 * no use for, and `swp gc` what was evicted, so the node holds the state by names of its own.
 */
async function planTrajectory(
  { planned, reason, point }: NodeWork,
  folder: string,
  context: RunContext,
): Promise<TrajectoryRun | undefined> {
  if (point === undefined) return undefined;
  const replaces = reason.kind === 'invalidated' ? planned.record!.id : null;
  for (let tries = 0; tries < PIN_TRIES; tries++) {
    const from = await startingPoint(point, context.cache, (key) => wholeRecord(key, context), replaces);
    if (from === undefined) break;
    const state = await pinState(from.state, folder);
    if (state !== undefined) return { point, from: { ...from, state }, replaces };
  }
  return { point, from: undefined, replaces };
}

/** Passes a job's events on: to the run's events, to the node's log, and checkpoints to the cache. */
class JobListener {
  readonly #work: NodeWork;
  readonly #trajectory: TrajectoryRun | undefined;
  readonly #log: NodeLog;
  readonly #context: RunContext;
  readonly #lines: LineSplitter;
  #logError: unknown;
  /** Length of the last checkpoint: of this run, or that from which it goes on. */
  #lastKept: number | undefined;
  /** Resolves when all checkpoints so far are kept, or could not be. */
  checkpointsKept: Promise<void> = Promise.resolve();

  constructor(work: NodeWork, trajectory: TrajectoryRun | undefined, log: NodeLog, context: RunContext) {
    this.#work = work;
    this.#trajectory = trajectory;
    if (trajectory?.from?.interrupted === true) this.#lastKept = trajectory.from.at;
    this.#log = log;
    this.#context = context;
    this.#lines = new LineSplitter((line) => context.emit({ event: 'node-log', key: work.planned.node.key, line }));
  }

  hear(event: JobEvent): void {
    const { key } = this.#work.planned.node;
    if (event.kind === 'started') this.#emitStart(event.slot);
    else if (event.kind === 'output') this.#write(event.text);
    else if (event.kind === 'progress') this.#context.emit({ event: 'node-progress', key, progress: event.progress });
    else this.checkpointsKept = this.#keep(event).then(event.taken);
  }

  /** The last line may lack its end. */
  endOutput(): void {
    this.#lines.end();
  }

  /** A log that cannot be written fails the node: thrown in `hear`, the error would reach nobody. */
  throwLogError(): void {
    if (this.#logError !== undefined) throw this.#logError;
  }

  #emitStart(worker: number): void {
    const from = this.#trajectory?.from;
    this.#context.emit(
      startEvent(this.#work, { worker, ...(from && { resumedAt: from.at, interrupted: from.interrupted }) }),
    );
  }

  #write(text: string): void {
    try {
      this.#log.write(text);
    } catch (error) {
      this.#logError ??= error;
    }
    this.#lines.push(text);
  }

  /** A failed checkpoint only costs time if the run is killed. */
  async #keep({ at, files, folder }: Extract<JobEvent, { kind: 'checkpoint' }>): Promise<void> {
    const { point, replaces } = this.#trajectory!; // only a job with a trajectory has checkpoints
    try {
      await this.#context.cache.trajectories.keep(point.trajectory, { at, files, replaces }, folder, this.#lastKept);
      this.#lastKept = at;
      this.#context.emit({ event: 'node-checkpoint', key: this.#work.planned.node.key, at });
    } catch (error) {
      if (failureOf(error) === undefined) throw error;
      this.#write(`The checkpoint at ${at} was not kept: ${(error as Error).message}\n`);
    }
  }
}

type EndedJob = Exclude<JobOutcome, { kind: 'cancelled' }>;

/** What the log says at its end of a job that failed. */
function lastLogText(outcome: Exclude<EndedJob, { kind: 'done' }>): string {
  if (outcome.kind === 'error' || outcome.kind === 'out-of-device-memory') return `${outcome.stack}\n`;
  if (outcome.kind === 'too-large')
    return `The worker process took ${outcome.reached} bytes, more than ${outcome.limit}, and was ended.\n`;
  if (outcome.kind === 'not-started')
    return `The worker process did not start: ${outcome.command}: ${outcome.message}\n${outcome.said ?? ''}\n`;
  const how = outcome.signal !== undefined ? `by the signal ${outcome.signal}` : `with exit code ${outcome.exitCode}`;
  return `The worker process ended ${how}, without an answer.\n`;
}

/** @throws SwpError unless the stage did what it should */
export function metricsOf(
  outcome: EndedJob,
  job: PreparedJob,
  where: { stage: string; node: string; log?: string },
): Metrics {
  switch (outcome.kind) {
    case 'done': {
      const message = problemWith(outcome.metrics, job);
      if (message !== undefined) throw new SwpError({ ...where, kind: 'stage', message });
      return outcome.metrics;
    }
    case 'error': {
      const { message, cause } = outcome;
      throw new SwpError({ kind: 'stage', message, ...(cause !== undefined && { cause }), ...where });
    }
    case 'out-of-device-memory':
      throw new SwpError({ ...where, kind: 'out-of-memory', message: outcome.message.split('\n')[0]! });
    case 'too-large':
      throw new SwpError({ ...where, kind: 'memory-limit', limit: outcome.limit, reached: outcome.reached });
    case 'not-started':
      throw new SwpError({ ...outcome, ...where, kind: 'worker-not-started' });
    case 'died':
      throw new SwpError({ ...outcome, ...where, kind: 'worker-died' });
  }
}

/** What is wrong with the result of a stage that did not throw; undefined if nothing is. */
function problemWith(metrics: unknown, job: PreparedJob): string | undefined {
  if (typeof metrics !== 'object' || metrics === null || Array.isArray(metrics))
    return 'The stage returned no object of metrics.';
  for (const [name, value] of Object.entries(metrics))
    if (value !== null && !['number', 'string', 'boolean'].includes(typeof value))
      return `The metric "${name}" is no number, string, boolean or null.`;
  for (const [name, path] of Object.entries(job.outputs)) {
    const written = lstatSync(path, { throwIfNoEntry: false });
    if (written === undefined) return `The stage did not write its output "${name}".`;
    if (!written.isFile())
      return `The stage made ${written.isDirectory() ? 'a folder' : written.isSymbolicLink() ? 'a link' : 'what is no file'} of its output "${name}"; it has to be a file.`;
  }
  return undefined;
}

/** Files as they were written, and virtual ones with what each part is. */
async function outputsOf(
  { planned: { node }, producers }: NodeWork,
  job: PreparedJob,
): Promise<Pick<StageResult, 'outputs' | 'virtual'>> {
  const outputs: StageResult['outputs'] = {};
  const virtual: NonNullable<StageResult['virtual']> = {};
  const partAt = (path: string): VirtualOutput['parts'][string] => {
    const output = Object.keys(job.outputs).find((name) => job.outputs[name] === path);
    if (output !== undefined) return { output };
    const input = Object.keys(job.inputs).find((name) => job.inputs[name] === path);
    const source = input === undefined ? undefined : node.inputs[input];
    if (source !== undefined) return artifactOf(recordOf(producers, source.key)!, source.artifact);
    const external = node.files.find((file) => file.path === path);
    if (external?.sha256 === undefined)
      throw new Error(`${path} is no input, output or file with its digest in the key.`);
    // What it is, and not what its owner called it.
    const file = external.name.replace(/[^A-Za-z0-9._-]/g, '-');
    return { sha256: external.sha256, bytes: statSync(path).size, file, external: true };
  };
  for (const [name, path] of Object.entries(job.outputs)) {
    const declared = node.stage.outputs[name]!;
    const found = declared.virtual === true ? await readVirtualFile(path) : undefined;
    if (found === undefined) outputs[name] = { path, ...published(declared) };
    else {
      const { form, stage, sha256, bytes, settings } = found;
      const parts = Object.entries(found.parts).map(([part, at]) => [part, partAt(at)] as const);
      virtual[name] = {
        ...{ sha256, bytes, file: declared.file, form, stage, parts: Object.fromEntries(parts) },
        ...(settings !== undefined && { settings }),
      };
    }
  }
  return { outputs, virtual };
}

function published({ file, evictable = false }: StageOutput): { file: string; evictable?: boolean } {
  return { file, ...(evictable && { evictable }) };
}

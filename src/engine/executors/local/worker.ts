/**
 * A worker: a child process that runs one job at a time and stays warm in between, so that stages may keep what is
 * costly to build. Its standard output and error are the running node's log.
 *
 * It ends with its parent: at once when the IPC channel closes, and by a thread that looks for the parent where a stage
 * keeps the event loop busy. Ctrl-C and the end of the terminal reach it, too; it leaves them to the parent.
 */
import { fchmodSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker as Thread } from 'node:worker_threads';
import { fileFailure } from '../../../base/file-failure.ts';
import { computesAsIeee } from '../../../base/ieee-arithmetic.ts';
import { installedBuild } from '../../../base/installed-build.ts';
import { reopenHeld } from '../../../base/held-folder.ts';
import { SwpError } from '../../../base/failure.ts';
import { isMachineFault, isShortOfMemory, remedyFor, systemErrorCode } from '../../../base/system-error.ts';
import type { PreparedJob } from '../../executor.ts';
import type { GatheredArtifact, Metrics, Progress, StageDefinition, StageJob } from '../../stage.ts';
import type { JsonObject } from '../../../base/json.ts';
import { makeArtifact } from '../../make-artifact.ts';
import { loadStageFile } from '../../stage-module.ts';
import { endOfOutput, type FromWorker, type JobAnswer, type ToWorker, type WorkerReady } from './worker-message.ts';

const PROGRESS_INTERVAL_MS = 100;
/**
 * How long a stage may take to notice that the run was stopped. One that does so sooner ends sooner; on a busy disk a
 * small file may take most of this.
 */
const STOP_GRACE_MS = 1_000;
/** The same where it writes a checkpoint then, as the executor says: weights of a large model take their time. */
const CHECKPOINT_GRACE_MS = Number(process.argv[2] ?? STOP_GRACE_MS);
const PARENT_CHECK_MS = 500;
/** How much larger the process may have become before garbage is collected after a job, which takes some 10 ms. */
const COLLECT_AFTER_BYTES = 2 ** 25;

/** One for each job: what a stage leaves on its signal, such as a listener that holds tensors, goes with the job. */
let stopping = new AbortController();
let isStopped = false;
/** Kept from the start: a stage may replace the methods. */
const [writeOutput, writeError] = [
  process.stdout.write.bind(process.stdout),
  process.stderr.write.bind(process.stderr),
];
const collectGarbage = garbageCollector();
let sizeAfterCollection = residentBytes();
let busy = false;
/** Whether the job that runs writes checkpoints. */
let keepsState = false;
let checkpointTaken: ((job: number) => void) | undefined;
/** The parent's folder of the jobs' outputs in a shared cache; nobody else may write there while the parent lives. */
let privateFolder: number | undefined;

for (const signal of ['SIGINT', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => {});
process.on('SIGTERM', stop);
process.on('disconnect', endWithParent);
process.on('message', (message: ToWorker) => {
  if (message.kind === 'job') void work(message.id, message.job);
  else checkpointTaken?.(message.id);
});
const parentWatch = watchParent();
if (process.connected) process.send!({ kind: 'ready' } satisfies WorkerReady);

async function work(id: number, job: PreparedJob): Promise<void> {
  busy = true;
  keepsState = job.checkpoints !== undefined;
  privateFolder ??= openPrivateFolder(job);
  stopping = new AbortController();
  const answer = await runStage(id, job);
  busy = false;
  if (isStopped) process.exit(0);
  giveMemoryBack();
  writeOutput(endOfOutput(id));
  writeError(endOfOutput(id));
  // A native library that a stage has loaded may have changed how this thread computes.
  send(computesAsIeee() ? answer : { ...answer, spent: true });
}

async function runStage(id: number, job: PreparedJob): Promise<JobAnswer> {
  try {
    const stage = (await loadStageFile(job.module))!; // the engine has loaded it before
    const own = stageJob(id, job, stage);
    for (const { from, to } of job.toMake ?? []) await makeArtifact(from, to);
    const metrics = await stage.run(own);
    if (stage.replaces !== undefined) await checkInPlaceOf(stage.replaces, own);
    return { kind: 'done', id, metrics: finiteOrNull(metrics ?? {}) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const explained = error instanceof Error ? explainMachineFault(error) : error;
    const cause = explained instanceof SwpError ? { cause: explained.failure } : {};
    return { kind: 'error', id, message, ...cause, stack: error instanceof Error ? (error.stack ?? message) : message };
  }
}

/** The stage that is replaced says whether what was written will do. */
async function checkInPlaceOf(replaced: string, job: StageJob<JsonObject>): Promise<void> {
  const { replaceable } = (await loadStageFile(join(installedBuild, 'stages', `${replaced}.js`)))!;
  if (replaceable === undefined) throw new Error(`The stage ${replaced} cannot be replaced.`);
  await replaceable.check(job);
}

/** A disk that fails, or a limit that is reached, is no bug of a stage: the failure says what to do about it. */
function explainMachineFault(error: Error & { path?: unknown }): Error {
  const code = systemErrorCode(error) ?? (isShortOfMemory(error.message) ? 'ENOMEM' : undefined);
  if (code === 'ENOMEM')
    return new SwpError({ kind: 'system', operation: 'compute it', code, remedy: remedyFor(code)! }, { cause: error });
  if (code === undefined || !isMachineFault(code)) return error;
  return fileFailure(error, typeof error.path === 'string' ? error.path : 'its outputs', 'write');
}

/** The stage's view of its job. */
function stageJob(id: number, job: PreparedJob, stage: StageDefinition): StageJob<JsonObject> {
  const report = throttle(
    (progress: Progress) => send({ kind: 'progress', id, progress: withFiniteValues(progress) }),
    PROGRESS_INTERVAL_MS,
  );
  return {
    params: job.params,
    root: job.root,
    input: (name) => declared(job.inputs, name, `${stage.name} was not given the input "${name}"`),
    optionalInput: (name) => (Object.hasOwn(job.inputs, name) ? job.inputs[name] : undefined),
    gathered: (name): GatheredArtifact[] =>
      stage.inputs[name]?.optional && !Object.hasOwn(job.gathered, name)
        ? []
        : declared(job.gathered, name, `${stage.name} has no gathered input "${name}"`),
    output: (name) => declared(job.outputs, name, `${stage.name} declares no output "${name}"`),
    checkpoint: checkpointer(id, job),
    ...(job.unwanted && { unwanted: job.unwanted }),
    ...(job.resume && { resume: resumed(job.resume) }),
    progress: report,
    log,
    signal: stopping.signal,
  };
}

function log(line: string): void {
  writeOutput(`${line}\n`);
}

/** JSON has no NaN and no infinity. One metric that is not known costs none of the others. */
function finiteOrNull(metrics: Metrics): Metrics {
  if (typeof metrics !== 'object' || Array.isArray(metrics)) return metrics; // refused by whoever reads the answer
  const isFinite = (value: unknown) => typeof value !== 'number' || Number.isFinite(value);
  for (const [name, value] of Object.entries(metrics))
    if (!isFinite(value)) log(`The metric "${name}" is not finite: it is kept as null.`);
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, isFinite(value) ? value : null]));
}

function withFiniteValues({ values, ...progress }: Progress): Progress {
  if (values === undefined) return progress;
  return {
    ...progress,
    values: Object.fromEntries(Object.entries(values).filter(([, value]) => Number.isFinite(value))),
  };
}

function resumed({ at, state }: NonNullable<PreparedJob['resume']>): NonNullable<StageJob<JsonObject>['resume']> {
  return { at, state: (name) => declared(state, name, `The trajectory's state has no "${name}"`) };
}

/**
 * A checkpoint is due some time after the last one was begun, but not while the last one is still being kept. When the
 * run is stopped, one is due at once.
 */
function checkpointer(id: number, { checkpoints }: PreparedJob): StageJob<JsonObject>['checkpoint'] {
  if (checkpoints === undefined) return async () => {};
  const { folder, everySeconds, state } = checkpoints;
  let [last, lastAt, waiting] = [performance.now(), -1, false];
  checkpointTaken = (job) => {
    if (job === id) waiting = false;
  };
  return async (at, write) => {
    const due = stopping.signal.aborted ? at > lastAt : performance.now() - last >= 1000 * everySeconds;
    if (waiting || !due) return;
    [last, lastAt, waiting] = [performance.now(), at, true];
    const own = join(folder, `checkpoint-${at}`);
    await mkdir(own, { recursive: true });
    const files = Object.fromEntries(state.map((name) => [name, join(own, name)]));
    await write((name) => declared(files, name, `"${name}" is no state of this trajectory`));
    send({ kind: 'checkpoint', id, at, folder: own, files });
  };
}

function declared<Value>(values: Record<string, Value>, name: string, otherwise: string): Value {
  if (!Object.hasOwn(values, name)) throw new Error(`${otherwise}.`);
  return values[name]!;
}

/** Passes on the first report, then at most one in `interval`, and always the one that completes the work. */
function throttle(pass: (progress: Progress) => void, interval: number): (progress: Progress) => void {
  let last = -Infinity;
  return (progress) => {
    const now = performance.now();
    if (now - last < interval && progress.done < progress.total) return;
    last = now;
    pass(progress);
  };
}

function send(message: FromWorker): void {
  if (process.connected) process.send!(message);
}

/**
 * A finished job's tensors are garbage, most of it outside of V8's heap: V8 would collect it when its own heap is full,
 * and until then it would count as the next job's.
 */
function giveMemoryBack(): void {
  if (residentBytes() - sizeAfterCollection < COLLECT_AFTER_BYTES) return;
  collectGarbage();
  sizeAfterCollection = residentBytes();
}

/** 0 where the system does not tell, as without /proc. */
function residentBytes(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return 0;
  }
}

function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/** Tells the stage, gives it a moment to write a checkpoint, and ends. */
function stop(): void {
  isStopped = true;
  stopping.abort();
  if (busy) setTimeout(() => process.exit(0), keepsState ? CHECKPOINT_GRACE_MS : STOP_GRACE_MS);
  else process.exit(0);
}

/** Opens the folder in time: when the parent is gone, only a path leads to it, which others may change. */
function openPrivateFolder({ outputs }: PreparedJob): number | undefined {
  const [path] = Object.values(outputs);
  const folder = path === undefined ? undefined : reopenHeld(path);
  if (folder !== undefined) parentWatch.postMessage(folder);
  return folder;
}

function endWithParent(): void {
  if (privateFolder !== undefined) fchmodSync(privateFolder, 0o2770);
  process.exit(0);
}

/** When the parent is gone, what it has not published is garbage that the group may remove: its folder is opened. */
function watchParent(): Thread {
  const source = `
    const parent = ${process.ppid};
    let folder;
    require('node:worker_threads').parentPort.on('message', (opened) => (folder = opened)).unref();
    setInterval(() => {
      if (process.ppid === parent) return;
      try {
        if (folder !== undefined) require('node:fs').fchmodSync(folder, 0o2770);
      } finally {
        process.kill(process.pid, 'SIGKILL');
      }
    }, ${PARENT_CHECK_MS});
  `;
  const thread = new Thread(source, { eval: true, execArgv: [], env: {} });
  thread.unref();
  return thread;
}

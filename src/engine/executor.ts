/**
 * An executor gives nodes room to be computed and tells how that goes: on this machine (executors/local), on a cluster
 * (executors/slurm), in a test, or not at all (executors/dry-run-executor.ts). Nothing here assumes that a job runs in
 * this process or on this machine: files go by path in a shared cache, progress comes as events, and what a job takes
 * of a machine is declared.
 *
 * First room is reserved, then a job is prepared and submitted to it. So nothing is claimed or prepared for a node that
 * would only wait in a queue, and another process can compute it meanwhile. Room is a slot, for a job that this process
 * prepares and whose results it publishes, or a delegate: another process of swp, such as a job of a cluster, that does
 * all of that by itself and needs this one for nothing.
 */
import type { MemoryNeed } from './memory-need.ts';
import type { Failure } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';
import type { PlannedNode } from './node.ts';
import type { GatheredArtifact, Metrics, Progress } from './stage.ts';

/** One node's work. All paths are absolute, in a folder that the executor's machines share with this process. */
export interface PreparedJob {
  /** The stage's module. */
  module: string;
  /** The project's root. */
  root: string;
  params: JsonObject;
  inputs: Record<string, string>;
  gathered: Record<string, GatheredArtifact[]>;
  /** Inputs whose files are to be made of virtual ones (base/virtual-file.ts) before the stage runs. */
  toMake?: { from: string; to: string }[];
  /** Names of outputs that will not be kept. */
  unwanted?: readonly string[];
  /** Where each output is to be written. */
  outputs: Record<string, string>;
  /** Of a node on a trajectory: where to go on. */
  resume?: { at: number; state: Record<string, string> };
  /** Absent for a node that is on no trajectory. */
  checkpoints?: {
    /** An existing folder; each checkpoint is a folder of its own in it. */
    folder: string;
    everySeconds: number;
    /** Names of the state artifacts. */
    state: readonly string[];
  };
}

/** What a job takes of a machine while it runs. */
export interface JobResources {
  /** Processors that it keeps busy. */
  cpus: number;
  /** GPUs that it has to itself. */
  gpus: number;
  /** What it is expected to take of memory; nothing if absent. */
  expectedMemory?: MemoryNeed;
  /** Bytes that it is expected to write, and where; nothing if absent. */
  expectedDisk?: { bytes: number; folder: string };
  /** Bytes of memory that it may take: it is ended if it takes more. No limit if absent. */
  memoryBytes?: number;
}

/** What a node's stage declares. Nodes compute on one thread each. */
export function resourcesOf({ stage, params }: Pick<PlannedNode, 'stage' | 'params'>): JobResources {
  return { cpus: 1, gpus: stage.resources?.(params).gpus ?? 0 };
}

/** Asks for a slot or a delegate. */
export interface SlotRequest {
  /** Key of the node in the DAG; delegates know a node by it. */
  key?: string;
  /** Where in the study the node stands, such as `A1/s0/r2/train`: for people who wait for what it holds. */
  place: string;
  resources: JobResources;
  /** Among requests that wait, the one with the greatest number comes first; 0 if absent. */
  priority?: number;
  /** Gives the request up. */
  signal?: AbortSignal;
  /** Told once if the request has to wait for a device that others use. */
  onWait?(devices: DeviceUse[]): void;
}

/** A device that a request waits for. */
export interface DeviceUse {
  index: number;
  name: string;
  /** MiB; null where the driver does not say. */
  usedMemory: number | null;
}

export type JobEvent =
  /** `slot`: which of the executor's slots runs it, from 0. */
  | { kind: 'started'; slot: number }
  /** What the job wrote to standard output or error, and its log lines, as they come. */
  | { kind: 'output'; text: string }
  | { kind: 'progress'; progress: Progress }
  /**
   * The state at a length of the trajectory is written to files in a folder. No further checkpoint is written until
   * `taken` is called: when the files are kept elsewhere, or cannot be.
   */
  | { kind: 'checkpoint'; at: number; folder: string; files: Record<string, string>; taken(): void };

/** How a job ended. */
export type JobOutcome =
  | { kind: 'done'; metrics: Metrics }
  /** The stage threw; `cause` is the failure that it threw, `stack` is for the log. */
  | { kind: 'error'; message: string; cause?: Failure; stack: string }
  /** The stage threw since a device, such as a GPU, had no memory left. */
  | { kind: 'out-of-device-memory'; message: string; stack: string }
  /** Its process ended without an answer. */
  | { kind: 'died'; exitCode?: number; signal?: string }
  /**
   * The process that was to run it could not be started, or never came to the point of taking a job. `command`: what
   * was run; `code`: the system's answer, if it refused; `said`: what the process wrote before it ended.
   */
  | { kind: 'not-started'; command: string; message: string; code?: string; said?: string }
  /** It took more memory than it may, and was ended. In bytes. */
  | { kind: 'too-large'; limit: number; reached: number }
  /** It was cancelled before it was done, and nothing of it is running any more. */
  | { kind: 'cancelled' };

/** Room for one job at a time, with the resources that were asked for. */
export interface Slot extends Disposable {
  /**
   * Runs a job. What goes wrong is an outcome; it never rejects.
   * @param hear is told what happens until the job has ended
   * @param signal cancels the job
   */
  submit(job: PreparedJob, hear: (event: JobEvent) => void, signal?: AbortSignal): Promise<JobOutcome>;
  /** Gives the slot back; to be called once no job runs in it, and harmless if called again. */
  release(): void;
}

/** What a delegate does with a node. */
export type DelegateEvent =
  /** `job`: what the cluster calls it; `resumedAt`: length of its trajectory from which it goes on. */
  | { kind: 'started'; slot: number; job: string; resumedAt?: number; interrupted?: boolean }
  | Extract<JobEvent, { kind: 'output' | 'progress' }>
  /** The state at a length of the trajectory is kept in the cache. */
  | { kind: 'checkpoint-kept'; at: number };

/** How a delegate is through with a node. */
export type DelegateOutcome =
  /** The cache has the result: the delegate computed it (`ran`), or found it. */
  | { kind: 'done'; ran: boolean }
  /** The failure is the node's, or that of the delegate, which came to no result. */
  | { kind: 'failed'; failure: Failure }
  /** Nobody waits any more. */
  | { kind: 'cancelled' };

/** Another process of swp that brings a node to its result: it takes the lease, runs the job and publishes itself. */
export interface Delegate extends Disposable {
  /**
   * Waits until that process is through with the node. What goes wrong is an outcome; it never rejects.
   * @param hear is told what happens, from the beginning also where it has long begun
   * @param signal ends the waiting; the executor decides whether the other process is to end, too
   */
  follow(hear: (event: DelegateEvent) => void, signal?: AbortSignal): Promise<DelegateOutcome>;
  /** To be called once nobody follows, and harmless if called again. */
  release(): void;
}

/** What callers have to know about an executor. */
export interface ExecutorCapabilities {
  /** Whether it computes anything: a dry run does not, and never gives a slot. */
  computes: boolean;
}

/** @typeParam Room what it gives: whoever prepares jobs by itself needs one that gives slots */
export interface Executor<Room extends Slot | Delegate = Slot | Delegate> {
  readonly capabilities: ExecutorCapabilities;
  /**
   * Waits for room.
   * @returns undefined if the request was given up, or if this executor computes nothing
   * @throws SwpError of kind `unavailable` if there never can be one
   */
  reserve(request: SlotRequest): Promise<Room | undefined>;
  /**
   * Of an executor that gives delegates: whether one of its own has computed a node by now, of which the result is
   * found before anybody asked for it.
   */
  hasComputed?(key: string): Promise<boolean>;
  /** Cancels what is running and resolves when nothing is left: no process, no lease, no file of its own. */
  close(): Promise<void>;
}

/**
 * Runs one job from the reservation to its end, for callers that need nothing in between.
 * @param request.signal cancels the job, too
 */
export async function execute(
  executor: Executor<Slot>,
  request: SlotRequest,
  job: PreparedJob,
  hear: (event: JobEvent) => void = () => {},
): Promise<JobOutcome> {
  using slot = await executor.reserve(request);
  return slot === undefined ? { kind: 'cancelled' } : await slot.submit(job, hear, request.signal);
}

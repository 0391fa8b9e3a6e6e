/**
 * Runs jobs in child processes of this machine: one thread each, warm and used again, replaced when one dies. A job
 * that needs a GPU gets one to itself, among all processes of the machine that use swp.
 */
import { join } from 'node:path';
import PQueue from 'p-queue';
import { installedBuild } from '../../../base/installed-build.ts';
import { machineMemory } from '../../../base/machine-memory.ts';
import type { Gpu } from '../../../base/nvidia-smi.ts';
import type {
  DeviceUse,
  Executor,
  JobEvent,
  JobOutcome,
  JobResources,
  PreparedJob,
  Slot,
  SlotRequest,
} from '../../executor.ts';
import type { GpuGrant, GpuSlots } from './gpu-slots.ts';
import { DiskRoom, type ExpectedDisk } from './disk-room.ts';
import { MemoryRoom } from './memory-room.ts';
import { WorkerProcess } from './worker-process.ts';

export interface LocalExecutorOptions {
  /** Jobs at a time, at least 1. */
  jobs: number;
  gpus: GpuSlots;
  /** Bytes that jobs may take together, as far as it is known beforehand; the machine's if absent. */
  memory?: number;
  /** Bytes that are free in a folder's file system; asked of the system if absent. */
  freeBytes?(folder: string): number;
  /** What the environment of every worker has besides that of this process. */
  environment?: Record<string, string>;
  /** Whether a stage's error message says that a device had no memory left. */
  isOutOfDeviceMemory?(message: string): boolean;
  /** Path of the built worker.ts; the installed one if absent. */
  worker?: string;
  /** How long a worker may take to start. */
  startMs?: number;
  /** How long a stage may take to write its last checkpoint when it is stopped; a second if absent. */
  graceMs?: number;
}

/**
 * Of a job's limit, what a worker may still take before it. One that takes more is replaced, which costs up to a
 * second; a job that does not fit into the rest, though it would by itself, is run again by itself. Where there is no
 * limit, workers that wait may take half of the machine's memory together.
 */
const IDLE_SHARE = 0.75;

/** Of a job that says nothing of what it writes. */
const NO_DISK: ExpectedDisk = { bytes: 0, folder: '' };

interface Place {
  process?: WorkerProcess;
  /** The device variables that the process was started with. */
  devices?: string;
  busy: boolean;
}

export class LocalExecutor implements Executor<Slot> {
  readonly capabilities = { computes: true };
  readonly #places: Place[];
  readonly #queue: PQueue;
  readonly #gpus: GpuSlots;
  readonly #room: MemoryRoom;
  readonly #disk: DiskRoom;
  readonly #module: string;
  readonly #environment: Record<string, string>;
  readonly #isOutOfDeviceMemory: (message: string) => boolean;
  readonly #startMs: number | undefined;
  readonly #graceMs: number | undefined;
  readonly #closing = new AbortController();
  #hasStartedOne = false;
  /** Why the first worker did not start: the next ones would not, either, and each may take long to show it. */
  #startFailure: JobOutcome | undefined;

  constructor({
    jobs,
    gpus,
    memory = machineMemory(),
    freeBytes,
    environment = {},
    isOutOfDeviceMemory = () => false,
    worker = join(installedBuild, 'worker.js'),
    startMs,
    graceMs,
  }: LocalExecutorOptions) {
    this.#places = Array.from({ length: jobs }, () => ({ busy: false }));
    this.#queue = new PQueue({ concurrency: jobs });
    this.#gpus = gpus;
    this.#room = new MemoryRoom(memory);
    this.#disk = new DiskRoom(freeBytes);
    this.#environment = environment;
    this.#isOutOfDeviceMemory = isOutOfDeviceMemory;
    this.#module = worker;
    this.#startMs = startMs;
    this.#graceMs = graceMs;
  }

  /**
   * A job that waits for a GPU holds up none that needs only a CPU, and while it waits for a worker, it holds no GPU
   * that another process could use.
   */
  async reserve({ place, resources, priority = 0, signal, onWait }: SlotRequest): Promise<Slot | undefined> {
    const closing = this.#closing.signal;
    const givenUp = signal === undefined ? closing : AbortSignal.any([signal, closing]);
    const needsGpu = resources.gpus > 0;
    let told = false;
    const tell = (all: Gpu[]) => {
      if (!told) onWait?.(all.map(useOf));
      told = true;
    };
    for (;;) {
      let gpu = needsGpu ? await this.#gpus.acquire(place, tell, givenUp) : undefined;
      if (needsGpu && gpu === undefined) return undefined;
      const hasToWait = this.#queue.pending >= this.#places.length;
      if (hasToWait) {
        gpu?.release();
        gpu = undefined;
      }
      const leaveQueue = await this.#enterQueue(priority, resources, place, givenUp).catch((error: unknown) => {
        gpu?.release();
        throw error;
      });
      try {
        if (needsGpu && hasToWait && !givenUp.aborted) gpu = await this.#gpus.tryAcquire(place);
      } catch (error) {
        leaveQueue();
        throw error;
      }
      const slot = this.#openSlot(resources, gpu, leaveQueue);
      if (!givenUp.aborted && (gpu !== undefined || !needsGpu)) return slot;
      slot.release();
      if (givenUp.aborted) return undefined; // otherwise another process has taken the GPU meanwhile
    }
  }

  /** Ends every worker, busy or not, which takes no longer than stages may take to write a checkpoint. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#places.map(({ process }) => process?.stop()));
    await this.#gpus.close();
  }

  /**
   * Waits for a worker, and with it for memory and room on the disk.
   * @returns what lets the next request in
   */
  async #enterQueue(
    priority: number,
    { expectedMemory, expectedDisk = NO_DISK }: JobResources,
    place: string,
    givenUp: AbortSignal,
  ): Promise<() => void> {
    const leave = await new Promise<() => void>((enter) => {
      void this.#queue.add(() => new Promise<void>((leave) => enter(leave)), { priority });
    });
    try {
      const giveMemoryBack = await this.#room.take(expectedMemory, place, givenUp);
      const giveDiskBack = await this.#disk.take(expectedDisk, place, givenUp).catch((error: unknown) => {
        giveMemoryBack();
        throw error;
      });
      return () => {
        giveMemoryBack();
        giveDiskBack();
        leave();
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  #openSlot(resources: JobResources, gpu: GpuGrant | undefined, leaveQueue: () => void): Slot {
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      leaveQueue();
      gpu?.release();
    };
    return {
      submit: (job, hear, signal) => this.#run(job, hear, resources, gpu?.env ?? {}, signal),
      release,
      [Symbol.dispose]: release,
    };
  }

  async #run(
    job: PreparedJob,
    hear: (event: JobEvent) => void,
    { memoryBytes }: JobResources,
    devices: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<JobOutcome> {
    const isCancelled = () => signal?.aborted === true || this.#closing.signal.aborted;
    if (isCancelled()) return { kind: 'cancelled' };
    if (this.#startFailure !== undefined) return this.#startFailure;
    const [index, place] = this.#freePlace(JSON.stringify(devices));
    place.busy = true;
    const cancel = () => void place.process?.stop();
    signal?.addEventListener('abort', cancel);
    try {
      const worker = await this.#workerFor(place, devices, memoryBytes);
      if (isCancelled()) cancel();
      hear({ kind: 'started', slot: index });
      const alone = !worker.hasWorked;
      let outcome = await worker.run(job, hear, memoryBytes);
      if (outcome.kind === 'too-large' && !alone && !isCancelled()) {
        hear({ kind: 'output', text: tooLargeTogether(outcome) });
        const fresh = await this.#workerFor(place, devices, memoryBytes);
        if (isCancelled()) cancel();
        outcome = await fresh.run(job, hear, memoryBytes);
      }
      if (outcome.kind !== 'done' && isCancelled()) return { kind: 'cancelled' };
      if (outcome.kind !== 'not-started') this.#hasStartedOne = true;
      else if (!this.#hasStartedOne) this.#startFailure ??= outcome;
      return outcome.kind === 'error' && this.#isOutOfDeviceMemory(outcome.message)
        ? { kind: 'out-of-device-memory', message: outcome.message, stack: outcome.stack }
        : outcome;
    } finally {
      signal?.removeEventListener('abort', cancel);
      place.busy = false;
    }
  }

  /** One whose worker sees the right devices, if there is one. */
  #freePlace(devices: string): [index: number, place: Place] {
    const fitting = this.#places.findIndex((place) => !place.busy && place.devices === devices);
    const index = fitting >= 0 ? fitting : this.#places.findIndex(({ busy }) => !busy);
    if (index < 0) throw new Error('More jobs than slots.');
    return [index, this.#places[index]!];
  }

  /**
   * A warm worker, unless it sees other devices than the job should, has died or is being stopped, or still takes too
   * much memory.
   */
  async #workerFor(place: Place, devices: Record<string, string>, memoryBytes?: number): Promise<WorkerProcess> {
    const identity = JSON.stringify(devices);
    const most = memoryBytes === undefined ? machineMemory() / this.#places.length / 2 : memoryBytes * IDLE_SHARE;
    const isFit = place.process?.isUsable && place.devices === identity;
    if (isFit && (!place.process!.hasWorked || place.process!.memory <= most)) return place.process!;
    await place.process?.stop();
    place.process = new WorkerProcess({
      module: this.#module,
      environment: { ...this.#environment, ...devices },
      ...(this.#startMs !== undefined && { startMs: this.#startMs }),
      ...(this.#graceMs !== undefined && { graceMs: this.#graceMs }),
    });
    place.devices = identity;
    return place.process;
  }
}

/** What the log says of a job that is run again, by itself: an earlier one may have left memory in its worker. */
function tooLargeTogether({ limit, reached }: Extract<JobOutcome, { kind: 'too-large' }>): string {
  return `The worker process took ${reached} bytes, more than ${limit}. It had run other nodes: once more in a new one.\n`;
}

function useOf({ index, name, usedMemory }: Gpu): DeviceUse {
  return { index, name, usedMemory };
}

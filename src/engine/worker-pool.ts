/** Warm workers: started when first needed, used again and again, replaced when one dies. */
import { join } from 'node:path';
import { installedBuild } from '../base/installed-build.ts';
import type { WorkerJob } from './worker-message.ts';
import { WorkerProcess, type JobListener, type JobOutcome } from './worker-process.ts';

export const installedWorker = join(installedBuild, 'worker.js');

export class WorkerPool {
  readonly #module: string;
  readonly #slots: { worker?: WorkerProcess; env?: string; busy: boolean }[];
  readonly #memoryLimit: number | undefined;
  #closed = false;

  /**
   * @param size jobs at a time, at least 1
   * @param module path of the built worker.ts
   * @param memoryLimit bytes that a worker may take; no limit if absent
   */
  constructor(size: number, module: string = installedWorker, memoryLimit?: number) {
    this.#memoryLimit = memoryLimit;
    this.#module = module;
    this.#slots = Array.from({ length: size }, () => ({ busy: false }));
  }

  /**
   * Runs a job in a free worker. The caller keeps to `size` jobs at a time.
   * @param started is told which slot runs it, from 0
   * @param env of the worker, besides what all have: one that was started with another is replaced
   * @returns how it ended; a pool that is closed meanwhile gives `died`
   */
  async run(
    job: WorkerJob,
    started: (slot: number) => void,
    listener: JobListener,
    env: Record<string, string> = {},
  ): Promise<JobOutcome> {
    if (this.#closed) return { kind: 'died' };
    const identity = JSON.stringify(env);
    const fitting = this.#slots.findIndex((slot) => !slot.busy && slot.env === identity);
    const index = fitting >= 0 ? fitting : this.#slots.findIndex(({ busy }) => !busy);
    const slot = this.#slots[index];
    if (slot === undefined) throw new Error('More jobs than workers.');
    slot.busy = true;
    try {
      if (slot.worker?.alive && slot.env !== identity) await slot.worker.stop(); // it sees another GPU
      if (!slot.worker?.alive) slot.worker = new WorkerProcess(this.#module, env);
      slot.env = identity;
      started(index);
      return await slot.worker.run(job, listener, this.#memoryLimit);
    } finally {
      slot.busy = false;
    }
  }

  /** Ends every worker, busy or not; resolves when all have ended, which takes about a second at most. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#slots.map(({ worker }) => worker?.stop()));
  }
}

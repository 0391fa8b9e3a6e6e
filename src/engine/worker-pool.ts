/** Warm workers: started when first needed, used again and again, replaced when one dies. */
import { join } from 'node:path';
import { installedBuild } from '../installed-build.ts';
import type { WorkerJob } from './worker-message.ts';
import { WorkerProcess, type JobListener, type JobOutcome } from './worker-process.ts';

export const installedWorker = join(installedBuild, 'worker.js');

export class WorkerPool {
  readonly #module: string;
  readonly #slots: { worker?: WorkerProcess; busy: boolean }[];
  #closed = false;

  /**
   * @param size jobs at a time, at least 1
   * @param module path of the built worker.ts
   */
  constructor(size: number, module: string = installedWorker) {
    this.#module = module;
    this.#slots = Array.from({ length: size }, () => ({ busy: false }));
  }

  /**
   * Runs a job in a free worker. The caller keeps to `size` jobs at a time.
   * @param started is told which slot runs it, from 0
   * @returns how it ended; a pool that is closed meanwhile gives `died`
   */
  async run(job: WorkerJob, started: (slot: number) => void, listener: JobListener): Promise<JobOutcome> {
    if (this.#closed) return { kind: 'died' };
    const index = this.#slots.findIndex(({ busy }) => !busy);
    const slot = this.#slots[index];
    if (slot === undefined) throw new Error('More jobs than workers.');
    slot.busy = true;
    try {
      if (!slot.worker?.alive) slot.worker = new WorkerProcess(this.#module);
      started(index);
      return await slot.worker.run(job, listener);
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

/** An executor within this process: a test says what each job does. It keeps to the same contract as the real ones. */
import type {
  Executor,
  JobEvent,
  JobOutcome,
  JobResources,
  PreparedJob,
  Slot,
  SlotRequest,
} from '../../src/engine/executor.ts';

export interface FakeJob {
  job: PreparedJob;
  resources: JobResources;
  hear(event: JobEvent): void;
  /** Aborted when the job is cancelled. */
  signal: AbortSignal;
}

export interface FakeExecutorOptions {
  slots: number;
  gpus?: number;
  /** What a job does; one that is cancelled need not come to an end. */
  run(job: FakeJob): Promise<JobOutcome>;
}

interface Waiting {
  request: SlotRequest;
  resolve(slot: Slot | undefined): void;
}

export class FakeExecutor implements Executor<Slot> {
  readonly capabilities = { computes: true };
  /** Every request so far, in order. */
  readonly requests: SlotRequest[] = [];
  readonly #run: FakeExecutorOptions['run'];
  readonly #freeSlots: number[];
  #freeGpus: number;
  #waiting: Waiting[] = [];
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  constructor({ slots, gpus = 0, run }: FakeExecutorOptions) {
    this.#run = run;
    this.#freeSlots = Array.from({ length: slots }, (_, index) => index);
    this.#freeGpus = gpus;
  }

  reserve(request: SlotRequest): Promise<Slot | undefined> {
    this.requests.push(request);
    const { signal, resources, onWait } = request;
    if (signal?.aborted || this.#closing.signal.aborted) return Promise.resolve(undefined);
    if (resources.gpus > this.#freeGpus) onWait?.([{ index: 0, name: 'a GPU', usedMemory: null }]);
    return new Promise((resolve) => {
      this.#waiting.push({ request, resolve });
      signal?.addEventListener('abort', () => this.#serve());
      this.#serve();
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#serve();
    await Promise.all(this.#running);
  }

  /** Gives slots to those who wait, the greatest priority first. */
  #serve(): void {
    const byPriority = this.#waiting.sort((a, b) => (b.request.priority ?? 0) - (a.request.priority ?? 0));
    this.#waiting = byPriority.filter(({ request: { resources, signal }, resolve }) => {
      if (signal?.aborted || this.#closing.signal.aborted) resolve(undefined);
      else if (this.#freeSlots.length > 0 && resources.gpus <= this.#freeGpus) resolve(this.#openSlot(resources));
      else return true;
      return false;
    });
  }

  #openSlot(resources: JobResources): Slot {
    const index = this.#freeSlots.shift()!;
    this.#freeGpus -= resources.gpus;
    let isReleased = false;
    const release = () => {
      if (isReleased) return;
      isReleased = true;
      this.#freeSlots.unshift(index);
      this.#freeGpus += resources.gpus;
      this.#serve();
    };
    const submit: Slot['submit'] = (job, hear, signal) => this.#submit(index, job, resources, hear, signal);
    return { submit, release, [Symbol.dispose]: release };
  }

  async #submit(
    slot: number,
    job: PreparedJob,
    resources: JobResources,
    hear: (event: JobEvent) => void,
    signal?: AbortSignal,
  ): Promise<JobOutcome> {
    const cancel = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
    const cancelled = new Promise<JobOutcome>((resolve) => {
      const end = () => resolve({ kind: 'cancelled' });
      if (cancel.aborted) end();
      else cancel.addEventListener('abort', end);
    });
    if (cancel.aborted) return cancelled;
    hear({ kind: 'started', slot });
    const outcome = Promise.race([this.#run({ job, resources, hear, signal: cancel }), cancelled]);
    this.#running.add(outcome);
    return outcome.finally(() => this.#running.delete(outcome));
  }
}

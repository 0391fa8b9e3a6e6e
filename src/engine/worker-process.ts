/** The engine's end of one worker: a child process that takes one job at a time. */
import { readFileSync } from 'node:fs';
import { execaNode } from 'execa';
import type { Failure } from '../base/failure.ts';
import { OutputSplitter } from './output-splitter.ts';
import type { Metrics, Progress } from './stage.ts';
import { workerEnvironment } from './worker-environment.ts';
import { endOfOutput, type FromWorker, type ToWorker, type WorkerJob } from './worker-message.ts';

/** How a job ended. */
export type JobOutcome =
  | { kind: 'done'; metrics: Metrics }
  | { kind: 'error'; message: string; cause?: Failure; stack: string }
  /** The process ended without an answer. */
  | { kind: 'died'; exitCode?: number; signal?: string }
  /** It took more memory than a node may, and was ended. In bytes. */
  | { kind: 'too-large'; limit: number; reached: number };

export interface JobListener {
  /** What the job wrote to standard output or error, and its log lines, as they come. */
  output(text: string): void;
  progress(progress: Progress): void;
  /** The state is written to files in a folder; until this has resolved, no further checkpoint is written. */
  checkpoint?(checkpoint: { at: number; folder: string; files: Record<string, string> }): Promise<void>;
}

const KILL_AFTER_MS = 1000;
const MEMORY_CHECK_MS = 100;

export class WorkerProcess {
  readonly #subprocess;
  readonly #output = new OutputSplitter((text) => this.#listener?.output(text));
  readonly #errors = new OutputSplitter((text) => this.#listener?.output(text));
  /** Resolves when the process has ended and its output has been read. */
  readonly #ended: Promise<JobOutcome>;
  #listener: JobListener | undefined;
  #onAnswer: ((answer: FromWorker) => void) | undefined;
  #jobs = 0;
  #alive = true;

  /**
   * @param module path of the built worker.ts
   * @param env what its environment has besides, such as the GPU that it sees
   */
  constructor(module: string, env: Record<string, string> = {}) {
    this.#subprocess = execaNode(module, [], {
      env: { ...workerEnvironment(process.env), ...env },
      ipc: true,
      serialization: 'json',
      buffer: false,
      stdin: 'ignore',
      reject: false,
      forceKillAfterDelay: KILL_AFTER_MS,
    });
    this.#subprocess.stdout.on('data', (chunk: Buffer) => this.#output.push(chunk));
    this.#subprocess.stderr.on('data', (chunk: Buffer) => this.#errors.push(chunk));
    this.#subprocess.on('message', (message) => this.#receive(message as unknown as FromWorker));
    this.#ended = this.#subprocess.then(({ exitCode, signal }) => {
      this.#alive = false;
      this.#output.end();
      this.#errors.end();
      return { kind: 'died', ...(exitCode !== undefined && { exitCode }), ...(signal !== undefined && { signal }) };
    });
  }

  /** Whether it can take a job. */
  get alive(): boolean {
    return this.#alive;
  }

  /** @param memoryLimit bytes that the process may take; Linux only */
  async run(job: WorkerJob, listener: JobListener, memoryLimit?: number): Promise<JobOutcome> {
    const id = ++this.#jobs;
    this.#listener = listener;
    const answered = new Promise<FromWorker>((resolve) => (this.#onAnswer = resolve));
    const output = Promise.all([this.#output.until(endOfOutput(id)), this.#errors.until(endOfOutput(id))]);
    const finished = Promise.all([answered, output]).then(([answer]) => answer as JobOutcome);
    // A worker that is gone cannot be told; its end is the answer.
    this.#subprocess.send({ kind: 'job', id, job } satisfies ToWorker as never, () => {});
    const watch = memoryLimit === undefined ? undefined : watchMemory(this.#subprocess.pid, memoryLimit);
    const outcome = await Promise.race([finished, this.#ended]);
    this.#listener = undefined;
    const reached = watch?.();
    return outcome.kind === 'died' && reached !== undefined
      ? { kind: 'too-large', limit: memoryLimit!, reached }
      : outcome;
  }

  /** Ends the process, by force after a second; resolves when it has ended. */
  async stop(): Promise<void> {
    this.#subprocess.kill('SIGTERM');
    await this.#ended;
  }

  async #keep({ id, at, folder, files }: Extract<FromWorker, { kind: 'checkpoint' }>): Promise<void> {
    await this.#listener?.checkpoint?.({ at, folder, files });
    this.#subprocess.send({ kind: 'checkpoint-taken', id } satisfies ToWorker as never, () => {});
  }

  #receive(message: FromWorker): void {
    if (message.id !== this.#jobs) return; // a late word of a job that is over
    if (message.kind === 'progress') this.#listener?.progress(message.progress);
    else if (message.kind === 'checkpoint') void this.#keep(message);
    else this.#onAnswer?.(message);
  }
}

/**
 * Ends a process that takes more memory than it may.
 * @returns stops watching, and says what it had reached if it was ended
 */
function watchMemory(pid: number | undefined, limit: number): () => number | undefined {
  let reached: number | undefined;
  const timer = setInterval(() => {
    try {
      const resident = 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
      if (resident <= limit || reached !== undefined) return;
      reached = resident;
      process.kill(pid!, 'SIGKILL');
    } catch {
      // it has ended
    }
  }, MEMORY_CHECK_MS);
  return () => {
    clearInterval(timer);
    return reached;
  };
}

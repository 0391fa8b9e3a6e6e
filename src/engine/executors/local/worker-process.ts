/** The executor's end of one worker: a child process that takes one job at a time. */
import { readFileSync } from 'node:fs';
import { execaNode } from 'execa';
import type { JobEvent, JobOutcome, PreparedJob } from '../../executor.ts';
import { OutputSplitter } from './output-splitter.ts';
import { endOfOutput, type FromWorker, type ToWorker } from './worker-message.ts';

/** A worker ends by itself before that, unless its event loop is blocked. Ctrl-C is to stop within two seconds. */
const KILL_AFTER_MS = 1_500;
const MEMORY_CHECK_MS = 100;

export class WorkerProcess {
  readonly #subprocess;
  readonly #output = new OutputSplitter((text) => this.#hear?.({ kind: 'output', text }));
  readonly #errors = new OutputSplitter((text) => this.#hear?.({ kind: 'output', text }));
  /** Resolves when the process has ended and its output has been read. */
  readonly #ended: Promise<JobOutcome>;
  #hear: ((event: JobEvent) => void) | undefined;
  #onAnswer: ((answer: FromWorker) => void) | undefined;
  #jobs = 0;
  #isUsable = true;

  /**
   * @param module path of the built worker.ts
   * @param environment what it has besides that of this process, such as the GPU that it sees
   */
  constructor(module: string, environment: Record<string, string> = {}) {
    this.#subprocess = execaNode(module, [], {
      env: environment,
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
      this.#isUsable = false;
      this.#output.end();
      this.#errors.end();
      return { kind: 'died', ...(exitCode !== undefined && { exitCode }), ...(signal !== undefined && { signal }) };
    });
  }

  /** Whether it can take a job: it has not ended and was not told to. */
  get isUsable(): boolean {
    return this.#isUsable;
  }

  /** @param memoryLimit bytes that the process may take; Linux only */
  async run(job: PreparedJob, hear: (event: JobEvent) => void, memoryLimit?: number): Promise<JobOutcome> {
    const id = ++this.#jobs;
    this.#hear = hear;
    const answered = new Promise<FromWorker>((resolve) => (this.#onAnswer = resolve));
    const output = Promise.all([this.#output.until(endOfOutput(id)), this.#errors.until(endOfOutput(id))]);
    const finished = Promise.all([answered, output]).then(([answer]) => answer as JobOutcome);
    this.#send({ kind: 'job', id, job });
    const watch = memoryLimit === undefined ? undefined : watchMemory(this.#subprocess.pid, memoryLimit);
    const outcome = await Promise.race([finished, this.#ended]);
    this.#hear = undefined;
    const reached = watch?.();
    return outcome.kind === 'died' && reached !== undefined
      ? { kind: 'too-large', limit: memoryLimit!, reached }
      : outcome;
  }

  /** Ends the process, by force if it does not end by itself; resolves when it has ended. */
  async stop(): Promise<void> {
    this.#isUsable = false;
    this.#subprocess.kill('SIGTERM');
    await this.#ended;
  }

  /** Ignores errors: `#ended` resolves if the worker has ended. */
  #send(message: ToWorker): void {
    this.#subprocess.send(message as never, () => {});
  }

  #receive(message: FromWorker): void {
    if (message.id !== this.#jobs) return; // a late message of a job that is over
    if (message.kind === 'progress') this.#hear?.({ kind: 'progress', progress: message.progress });
    else if (message.kind === 'checkpoint') {
      const { id, at, folder, files } = message;
      const taken = () => this.#send({ kind: 'checkpoint-taken', id });
      this.#hear?.({ kind: 'checkpoint', at, folder, files, taken });
    } else this.#onAnswer?.(message);
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

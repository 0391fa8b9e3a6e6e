/** The executor's end of one worker: a child process that takes one job at a time. */
// Not execa, which throws a TypeError where too many files are open: a worker that cannot be started is foreseen.
import { fork, type ChildProcess } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { withShownPaths } from '../../../base/held-folder.ts';
import { meaningOf, systemErrorCode } from '../../../base/system-error.ts';
import type { JobEvent, JobOutcome, PreparedJob } from '../../executor.ts';
import { OutputSplitter } from './output-splitter.ts';
import { residentBytes, watchMemory } from './process-memory.ts';
import { endOfOutput, type FromWorker, type ToWorker, type WorkerReady } from './worker-message.ts';

/** A worker ends by itself before that, unless its event loop is blocked. Ctrl-C is to stop within two seconds. */
const KILL_AFTER_MS = 1_500;
/** Reading some megabytes of code takes a second; from a file server that is busy, much longer. */
const START_MS = 60_000;
const START_LOOKS = 100;
/** A worker that fails at its start may write much. */
const SAID_CHARACTERS = 10_000;

/** How a process ended; `error`: it never was. */
interface ProcessEnd {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  error?: unknown;
}

export interface WorkerOptions {
  /** Path of the built worker.ts. */
  module: string;
  /** What it has besides the environment of this process, such as the GPU that it sees. */
  environment: Record<string, string>;
  /** How long it may take to start. */
  startMs?: number;
  /** How long a stage that writes checkpoints may take for the last one when the worker is stopped. */
  graceMs?: number;
}

export class WorkerProcess {
  /** Undefined where the system refused at once. */
  #subprocess: ChildProcess | undefined;
  readonly #command: string;
  readonly #graceMs: number;
  /** What it wrote before its first job: why it did not start, if it did not. */
  #said = '';
  readonly #output = new OutputSplitter((text) => this.#write(text));
  readonly #errors = new OutputSplitter((text) => this.#write(text));
  /** Resolves when the process has ended and its output has been read. */
  readonly #ended: Promise<JobOutcome>;
  /** Resolves with undefined when the worker has started; with an outcome when it never will. */
  readonly #started: Promise<JobOutcome | undefined>;
  #onReady: (() => void) | undefined;
  #hear: ((event: JobEvent) => void) | undefined;
  #onAnswer: ((answer: FromWorker) => void) | undefined;
  #jobs = 0;
  #isStarted = false;
  /** Why it was given up before it started. */
  #lateness: string | undefined;
  #isUsable = true;
  /** Whether the last job that it took writes checkpoints. */
  #keepsState = false;

  constructor({ module, environment, startMs = START_MS, graceMs = 0 }: WorkerOptions) {
    this.#graceMs = graceMs;
    this.#command = `${process.execPath} ${module}`;
    const ready = new Promise<undefined>((resolve) => (this.#onReady = () => resolve(undefined)));
    this.#ended = this.#run(module, environment).then((ending) => {
      this.#isUsable = false;
      this.#output.end();
      this.#errors.end();
      return this.#endOf(ending);
    });
    const late = startLimit(startMs);
    this.#started = Promise.race([ready, this.#ended, late.passed.then(() => this.#giveUp(startMs))]).finally(
      late.cancel,
    );
  }

  /** Whether it can take a job: it has not ended, was not told to, and computes as a new one does. */
  get isUsable(): boolean {
    return this.#isUsable;
  }

  /** Whether it has taken a job: memory that it took for one may not be free yet. */
  get hasWorked(): boolean {
    return this.#jobs > 0;
  }

  /** Bytes that it takes at the moment, without programs: while it waits it has none. 0 where that cannot be told. */
  get memory(): number {
    const pid = this.#subprocess?.pid;
    return pid === undefined ? 0 : residentBytes(pid);
  }

  /** @param memoryLimit bytes that the process and what it starts may take; Linux only */
  async run(job: PreparedJob, hear: (event: JobEvent) => void, memoryLimit?: number): Promise<JobOutcome> {
    const neverStarted = await this.#started;
    if (neverStarted !== undefined) return neverStarted;
    const id = ++this.#jobs;
    this.#hear = hear;
    this.#keepsState = job.checkpoints !== undefined;
    const answered = new Promise<FromWorker>((resolve) => (this.#onAnswer = resolve));
    const output = Promise.all([this.#output.until(endOfOutput(id)), this.#errors.until(endOfOutput(id))]);
    const finished = Promise.all([answered, output]).then(([answer]) => answer as JobOutcome);
    this.#send({ kind: 'job', id, job });
    const watch = memoryLimit === undefined ? undefined : watchMemory(this.#subprocess?.pid, memoryLimit);
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
    this.#subprocess?.kill('SIGTERM');
    const killAfter = KILL_AFTER_MS + (this.#keepsState ? this.#graceMs : 0);
    const force = setTimeout(() => this.#subprocess?.kill('SIGKILL'), killAfter);
    await this.#ended;
    clearTimeout(force);
  }

  /** Starts the process; resolves when it has ended. */
  #run(module: string, environment: Record<string, string>): Promise<ProcessEnd> {
    return new Promise((resolve) => {
      try {
        const worker = fork(module, this.#graceMs > 0 ? [String(this.#graceMs)] : [], {
          env: { ...inheritedEnvironment(), ...environment },
          execArgv: process.execArgv.filter((argument) => !argument.startsWith('--inspect')),
          stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        });
        this.#subprocess = worker;
        worker.on('message', (message) => this.#receive(message as FromWorker | WorkerReady));
        worker.on('close', (exitCode, signal) => resolve({ exitCode, signal }));
        // Also of a message that does not reach a process that has ended.
        worker.on('error', (error) => worker.pid === undefined && resolve({ exitCode: null, signal: null, error }));
        // Where too many files are open there are no streams.
        worker.stdout?.on('data', (chunk: Buffer) => this.#output.push(chunk));
        worker.stderr?.on('data', (chunk: Buffer) => this.#errors.push(chunk));
      } catch (error) {
        resolve({ exitCode: null, signal: null, error });
      }
    });
  }

  #endOf({ exitCode, signal, error }: ProcessEnd): JobOutcome {
    if (this.#isStarted)
      return { kind: 'died', ...(exitCode !== null && { exitCode }), ...(signal !== null && { signal }) };
    if (this.#lateness !== undefined) return this.#notStarted(this.#lateness);
    if (error !== undefined) {
      const code = systemErrorCode(error);
      return this.#notStarted(code === undefined ? String(error) : meaningOf(code), code);
    }
    return this.#notStarted(
      `it ended ${signal === null ? `with exit code ${exitCode}` : `by ${signal}`} before it took a job`,
    );
  }

  #giveUp(limit: number): Promise<JobOutcome> {
    this.#lateness = `it did not answer within ${Math.round(limit / 1000)} s`;
    void this.stop();
    return this.#ended;
  }

  #notStarted(message: string, code?: string): JobOutcome {
    const lines = this.#said.split('\n').map((line) => line.trim());
    // Of an exception or a crash of Node.js, the line that says what it is; else the last one.
    const telling = /^\w*Error\b|Assertion failed|^# Fatal|^FATAL ERROR/;
    const said = lines.find((line) => telling.test(line)) ?? lines.filter((line) => line !== '').at(-1);
    return {
      kind: 'not-started',
      command: this.#command,
      message,
      ...(code !== undefined && { code }),
      ...(said !== undefined && { said }),
    };
  }

  #write(text: string): void {
    if (this.#hear !== undefined) this.#hear({ kind: 'output', text: withShownPaths(text) });
    else if (!this.#isStarted && this.#said.length < SAID_CHARACTERS) this.#said += text;
  }

  /** Ignores errors: `#ended` resolves if the worker has ended. */
  #send(message: ToWorker): void {
    this.#subprocess?.send(message, () => {});
  }

  #receive(message: FromWorker | WorkerReady): void {
    if (message.kind === 'ready') {
      this.#isStarted = true;
      this.#onReady?.();
      return;
    }
    if (message.id !== this.#jobs) return; // a late message of a job that is over
    if (message.kind === 'progress') this.#hear?.({ kind: 'progress', progress: message.progress });
    else if (message.kind === 'checkpoint') {
      const { id, at, folder, files } = message;
      const taken = () => this.#send({ kind: 'checkpoint-taken', id });
      this.#hear?.({ kind: 'checkpoint', at, folder, files, taken });
    } else {
      if (message.spent) this.#isUsable = false;
      this.#onAnswer?.(message.kind === 'error' ? asShown(message) : message);
    }
  }
}

/** People are told the paths that they know, and not the names by which a job writes its outputs in a shared cache. */
function asShown<Told extends object>(told: Told): Told {
  const shown = Object.entries(told).map(([name, value]) => {
    if (typeof value === 'string') return [name, withShownPaths(value)];
    return [name, name === 'cause' ? asShown(value as object) : value];
  });
  return Object.fromEntries(shown) as Told;
}

/** The environment of this process, where programs that a stage starts find the same Node.js. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  const { env, execPath } = process;
  return env.PATH === undefined ? env : { ...env, PATH: [dirname(execPath), env.PATH].join(delimiter) };
}

/** Passes after some time, of which only what this process was awake counts: Ctrl-Z or a lid may have stopped both. */
function startLimit(limit: number): { passed: Promise<void>; cancel(): void } {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<void>((resolve) => {
    let looks = 0;
    timer = setInterval(() => {
      if (++looks >= START_LOOKS) resolve();
    }, limit / START_LOOKS);
  });
  return { passed, cancel: () => clearInterval(timer) };
}

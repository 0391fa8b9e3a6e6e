/**
 * Nodes that jobs of Slurm bring to their results. A job works off a bundle of nodes by itself (docs/slurm.md): it
 * plans, takes leases and publishes as any run does. So there is nothing to be done here but to look, at an interval,
 * at what Slurm says of the jobs and what they write into the cache, and to pass that on. If this process ends, nothing
 * happens to them; another one may follow them.
 */
import { systemClock, type Clock } from '../../../base/clock.ts';
import type { Failure } from '../../../base/failure.ts';
import { failureOf } from '../../../base/file-failure.ts';
import type { Delegate, DelegateEvent, DelegateOutcome, Executor, SlotRequest } from '../../executor.ts';
import { FollowedBundle } from './followed-bundle.ts';
import type { JobEnding, JournalLine } from './journal.ts';

/** A bundle that was submitted, by this run or an earlier one. */
export interface SubmittedBundle {
  /** What Slurm calls its job: `123_4`. */
  job: string;
  /** Keys of its nodes. */
  nodes: readonly string[];
  /** What it has told since the last call. */
  news(): JournalLine[];
}

/** What Slurm says of a job, and what the job itself has said last. */
export interface JobLook {
  /** Whether the job has ended and will not start again. */
  over: boolean;
  /** Why it did not come to the end of its work. */
  failure?: Failure;
}

export interface SlurmExecutorOptions {
  bundles: readonly SubmittedBundle[];
  /** Sends a job for a node that no bundle has. */
  submit(request: SlotRequest & { key: string }): Promise<SubmittedBundle>;
  /**
   * Asks Slurm what has become of jobs.
   * @returns judges a job by that and by what it has told itself, which was read in between
   */
  ask(jobs: readonly string[]): Promise<(job: string) => JobLook>;
  /** Ends jobs. */
  cancel(jobs: readonly string[]): Promise<void>;
  /** What becomes of the jobs when nobody waits for them any more. */
  whenStopped: 'leave' | 'cancel';
  clock?: Clock;
  /** How often it looks. */
  lookEveryMs?: number;
}

interface Followed {
  bundle: SubmittedBundle;
  events: FollowedBundle;
  over: boolean;
  /** Why it came to no end of its work, if it is over. */
  failure: Failure | undefined;
  /** How its job ended last, as it says itself. */
  ending: JobEnding | undefined;
  /** Looks since Slurm said that it has ended. */
  looksSince: number;
}

const LOOK_EVERY_MS = 2_000;
/** A look at many jobs takes the controller and this machine longer: so it comes more seldom, but not much. */
const LOOK_MS_PER_JOB = 5;
const LONGEST_PAUSE_MS = 10_000;
/**
 * What a job wrote last may be seen later than Slurm says that it has ended: the files may lie on a file server. A job
 * that was killed never says that it ends.
 */
const LAST_LOOKS = 3;
/** For the end of a node whose result is there. */
const END_LOOK_MS = 100;
const MOST_END_LOOKS = 50;
/** While jobs are being cancelled, there is somebody who waits for just that. */
const CANCEL_LOOK_MS = 250;
/** Slurm kills what has not ended by then (KillWait), unless it does not answer at all. */
const MOST_CANCEL_LOOKS = 480;

export class SlurmExecutor implements Executor<Delegate> {
  readonly capabilities = { computes: true };
  readonly #options: SlurmExecutorOptions;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #followed: Followed[] = [];
  readonly #byNode = new Map<string, Followed[]>();
  /** Resolves when it looks no more. */
  #looking: Promise<void> | undefined;
  /** One look after the other. */
  #lastLook: Promise<void> = Promise.resolve();

  constructor(options: SlurmExecutorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    for (const bundle of options.bundles) this.#add(bundle);
  }

  /** There is always room: it is Slurm that lets jobs wait. */
  async reserve(request: SlotRequest): Promise<Delegate | undefined> {
    const { key, signal } = request;
    if (key === undefined) throw new Error('A node without a key is asked for.');
    const isGivenUp = () => signal?.aborted === true || this.#closing.signal.aborted;
    if (isGivenUp()) return undefined;
    // One that has done its work is of no use if a result is asked for again, such as one that was evicted since.
    if (!this.#holdersOf(key).some(({ over, failure }) => !over || failure !== undefined)) {
      const sent = this.#add(await this.#options.submit({ ...request, key }));
      if (isGivenUp()) await this.#stop([sent]);
    }
    if (isGivenUp()) return undefined;
    this.#looking ??= this.#look();
    const release = () => {};
    return { follow: (hear, stop) => this.#follow(key, hear, stop), release, [Symbol.dispose]: release };
  }

  /** A job says that a node has ended a moment after its result is in the cache. */
  async hasComputed(key: string): Promise<boolean> {
    for (let looks = 0; looks < MOST_END_LOOKS; looks++) {
      const holders = this.#holdersOf(key);
      for (const followed of holders) takeNews(followed);
      if (holders.some(({ events }) => events.hasRun(key))) return true;
      if (!holders.some(({ events }) => events.isAt(key))) return false;
      await this.#clock.sleep(END_LOOK_MS, this.#closing.signal);
    }
    return false;
  }

  /** With `leave`, jobs go on. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#stop(this.#followed).finally(() => this.#looking);
  }

  #add(bundle: SubmittedBundle): Followed {
    const events = new FollowedBundle(this.#followed.length, bundle.job);
    const followed: Followed = { bundle, events, over: false, failure: undefined, ending: undefined, looksSince: 0 };
    this.#followed.push(followed);
    for (const key of bundle.nodes) this.#byNode.set(key, [...(this.#byNode.get(key) ?? []), followed]);
    return followed;
  }

  #holdersOf(key: string): Followed[] {
    return this.#byNode.get(key) ?? [];
  }

  /** Several bundles may have a node that is done fast: the first that has a result tells it. */
  #follow(key: string, hear: (event: DelegateEvent) => void, signal?: AbortSignal): Promise<DelegateOutcome> {
    const holders = this.#holdersOf(key);
    const stop = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
    return new Promise((resolve) => {
      const leave: (() => void)[] = [];
      let waitedFor = holders.length;
      const leaveAll = () => {
        for (const each of leave) each();
        stop.removeEventListener('abort', giveUp);
      };
      const end = (outcome: DelegateOutcome) => {
        leaveAll();
        resolve(outcome);
      };
      const giveUp = () => {
        leaveAll(); // that the job is cancelled is no failure to hear of
        this.#stop(holders).then(
          () => resolve({ kind: 'cancelled' }),
          (error: unknown) => resolve(notCancelled(error)),
        );
      };
      if (stop.aborted) return giveUp();
      stop.addEventListener('abort', giveUp);
      for (const { events } of holders)
        leave.push(
          events.listen(key, {
            hear,
            end: (outcome) => {
              waitedFor -= 1;
              if (outcome.kind === 'done' || waitedFor === 0) end(outcome);
            },
          }),
        );
    });
  }

  /** For these jobs nobody waits any more. @throws SwpError if they are to be cancelled and cannot be */
  async #stop(followed: readonly Followed[]): Promise<void> {
    if (this.#options.whenStopped === 'cancel') await this.#cancel(followed);
  }

  /** Resolves when these jobs have ended. */
  async #cancel(followed: readonly Followed[]): Promise<void> {
    const live = followed.filter(({ over }) => !over);
    if (live.length === 0) return;
    await this.#options.cancel(live.map(({ bundle }) => bundle.job));
    for (let looks = 0; live.some(({ over }) => !over) && looks < MOST_CANCEL_LOOKS; looks++) {
      await this.#lookOnce();
      await this.#clock.sleep(CANCEL_LOOK_MS);
    }
  }

  async #look(): Promise<void> {
    const { lookEveryMs = LOOK_EVERY_MS } = this.#options;
    while (!this.#closing.signal.aborted) {
      await this.#lookOnce();
      const open = this.#followed.filter(({ over }) => !over).length;
      const pause = Math.max(lookEveryMs, Math.min(LOOK_MS_PER_JOB * open, LONGEST_PAUSE_MS));
      await this.#clock.sleep(pause, this.#closing.signal);
    }
  }

  #lookOnce(): Promise<void> {
    return (this.#lastLook = this.#lastLook
      .then(() => this.#lookAtOpen())
      .catch((error: unknown) => {
        // A disk that fails, for example: nothing more is heard of any job.
        const failure = failureOf(error);
        if (failure === undefined) throw error;
        for (const followed of this.#followed) if (!followed.over) settle(followed, failure);
      }));
  }

  async #lookAtOpen(): Promise<void> {
    const open = this.#followed.filter(({ over }) => !over);
    if (open.length === 0) return;
    for (const followed of open) takeNews(followed); // Slurm may not answer for a while
    // Slurm first: what a job told before it ended is then read in any case.
    const judge = await this.#options.ask(open.map(({ bundle }) => bundle.job));
    for (const followed of open) {
      takeNews(followed);
      const look = judge(followed.bundle.job);
      if (!look.over) continue;
      followed.looksSince += 1;
      if (followed.ending === undefined && followed.looksSince < LAST_LOOKS) continue;
      settle(followed, look.failure);
    }
  }
}

/** @throws what is no failure that was foreseen */
function notCancelled(error: unknown): DelegateOutcome {
  const failure = failureOf(error);
  if (failure === undefined) throw error;
  return { kind: 'failed', failure };
}

function settle(followed: Followed, failure: Failure | undefined): void {
  followed.over = true;
  followed.failure = failure;
  followed.events.settle(failure);
}

function takeNews(followed: Followed): void {
  for (const line of followed.bundle.news())
    if (line.event === 'job-start') followed.ending = undefined;
    else if (line.event === 'job-end') followed.ending = line;
    else followed.events.take(line);
}

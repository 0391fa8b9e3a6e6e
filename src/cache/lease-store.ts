/**
 * Leases: one process at a time computes a content. There is one per content and no global lock. The lease of a node on
 * a trajectory states how far it goes, so that others know whether waiting for it is worth while.
 *
 * A lease only saves work: a process that has lost its lease does no harm, since results are published atomically.
 * Taking one never waits, so nobody holds one lease while waiting for another.
 *
 * A holder lives as long as others hear its heartbeat, which is judged by the observer's own monotonic clock: wall
 * clocks and file times are never compared. Only its end is also known at once, where process numbers can be compared.
 */
import { createHash, randomBytes } from 'node:crypto';
import { systemClock, type Clock } from '../base/clock.ts';
import { SwpError } from '../base/failure.ts';
import { stopLease, type Beat, type LeaseFiles } from './lease-files.ts';
import { hasEnded, processName, thisProcess, type ProcessIdentity } from './process-identity.ts';
import { UNKNOWN_HOLDER, type LeaseHolder, type StoredLease } from './stored-lease.ts';

export type Acquisition = { kind: 'held'; lease: Lease } | { kind: 'busy'; holder: LeaseHolder };

export interface LeaseStoreOptions {
  clock?: Clock;
  /** How this process names itself in its leases. */
  identity?: ProcessIdentity;
  /** Whether it is certain that a process has ended. */
  hasEnded?: (process: ProcessIdentity) => boolean;
  /** How often a holder writes its heartbeat. */
  heartbeatMs?: number;
  /** How long an observer waits for the next heartbeat before it takes a lease for dead. */
  deadAfterMs?: number;
}

const HEARTBEAT_MS = 2_000;
/**
 * Much longer than file attributes are cached by NFS clients (at most 60 s by default, but opening a file refreshes
 * them).
 */
const DEAD_AFTER_MS = 30_000;
/** Between two looks no more than this counts as silence: the observer may have stood still, and the holder with it. */
const LONGEST_GAP_MS = 5_000;
/** How often a process that waits for a lease looks. */
const LOOK_EVERY_MS = 250;
/** A lease that was given back just when it was looked at is asked for again, but not without an end. */
const ATTEMPTS = 10;

export class LeaseStore {
  readonly #files: LeaseFiles;
  readonly #clock: Clock;
  readonly #identity: ProcessIdentity;
  readonly #hasEnded: (process: ProcessIdentity) => boolean;
  readonly #heartbeatMs: number;
  readonly #deadAfterMs: number;
  /** Names its heartbeat, by which others can tell whose it was. */
  readonly #id: string;
  /** Of other holders, by id, or by nonce if that is not known: the last heartbeat, and how long there was no other. */
  readonly #heard = new Map<string, { beat: string | undefined; silentMs: number; lookedAt: number }>();
  /** By nonce. */
  readonly #held = new Map<string, Lease>();
  #heartbeat: Disposable | undefined;

  constructor(files: LeaseFiles, options: LeaseStoreOptions = {}) {
    this.#files = files;
    this.#clock = options.clock ?? systemClock;
    this.#identity = options.identity ?? thisProcess();
    this.#id = `${processName(this.#identity)}-${randomBytes(8).toString('hex')}`;
    this.#hasEnded = options.hasEnded ?? hasEnded;
    this.#heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS;
    this.#deadAfterMs = options.deadAfterMs ?? DEAD_AFTER_MS;
  }

  /**
   * Takes a lease, unless somebody has it who lives. It does not wait.
   * @param name a content key, or what `stopLease` makes of a stop
   * @param place where in the study the node stands, for those who wait
   * @throws SwpError of kind `file`
   */
  async acquire(name: string, place: string): Promise<Acquisition> {
    this.#heartbeat ??= this.#startHeartbeat();
    const nonce = randomBytes(8).toString('hex');
    const holder: LeaseHolder = { ...this.#identity, id: this.#id, since: this.#clock.now().toISOString(), place };
    const lease = new Lease(() => {
      this.#held.delete(nonce);
      this.#files.remove(name, nonce);
    });
    this.#held.set(nonce, lease); // before others see it: what this process does not hold is a remnant
    try {
      for (let attempts = 0; attempts < ATTEMPTS; attempts++) {
        if (await this.#files.create(name, { nonce, holder })) return { kind: 'held', lease };
        const current = await this.#files.read(name);
        if (current === undefined) continue; // given back in between
        if (!(await this.#isDead(current))) return this.#busy(nonce, current.holder);
        const broken = await this.#breakLease(name, current);
        if (broken === 'busy') return this.#busy(nonce, current.holder);
        // One that cannot be removed must stop nobody: then nobody has the lease, and the work may be done twice.
        if (broken === 'stuck') return { kind: 'held', lease };
      }
      return this.#busy(nonce, UNKNOWN_HOLDER);
    } catch (error) {
      this.#held.delete(nonce);
      throw error;
    }
  }

  /** Who computes a stop of a trajectory before this length, if somebody does who lives: the nearest such stop. */
  async holderBefore(trajectory: string, at: number): Promise<{ name: string; holder: LeaseHolder } | undefined> {
    const lengths = (await this.#files.lengths(trajectory)).filter((length) => length < at).sort((a, b) => b - a);
    for (const length of lengths) {
      const name = stopLease(trajectory, length);
      const current = await this.#files.read(name);
      if (current === undefined) continue;
      if (!(await this.#isDead(current))) return { name, holder: current.holder };
      await this.#breakLease(name, current);
    }
    return undefined;
  }

  /**
   * Waits until a lease is free or its holder is dead, until `isOver` says so, or until the signal is aborted. It looks
   * at intervals, and pauses at least once unless it is over already: whoever asks again and again does not spin.
   */
  async wait(name: string, isOver: () => Promise<boolean>, signal?: AbortSignal): Promise<void> {
    while (signal?.aborted !== true && !(await isOver())) {
      await this.#clock.sleep(LOOK_EVERY_MS * (0.75 + Math.random() / 2), signal);
      const current = await this.#files.read(name);
      if (current === undefined || (await this.#isDead(current))) return;
    }
  }

  /** Releases all leases that this process holds. */
  close(): void {
    for (const lease of this.#held.values()) lease.release();
    this.#heartbeat?.[Symbol.dispose]();
    this.#heartbeat = undefined;
  }

  #busy(nonce: string, holder: LeaseHolder): Acquisition {
    this.#held.delete(nonce);
    return { kind: 'busy', holder };
  }

  async #isDead({ nonce, holder }: StoredLease): Promise<boolean> {
    if (holder.id === this.#id) return !this.#held.has(nonce);
    if (this.#hasEnded(holder)) return true;
    const beat = holder.id === '' ? undefined : await this.#files.lastBeat(holder.id);
    const now = this.#clock.monotonic();
    const name = holder.id || nonce;
    const heard = this.#heard.get(name);
    if (heard === undefined || heard.beat !== beat) {
      this.#heard.set(name, { beat, silentMs: 0, lookedAt: now });
      return false;
    }
    heard.silentMs += Math.min(now - heard.lookedAt, LONGEST_GAP_MS);
    heard.lookedAt = now;
    return heard.silentMs >= this.#deadAfterMs;
  }

  /**
   * Several may find the same lease dead at once. A second lease, named after it, makes one of them remove it, so that
   * nobody removes the lease that comes next.
   * @returns `busy` if another process is at it; `stuck` if the file system does not let it be removed
   */
  async #breakLease(name: string, dead: StoredLease): Promise<'removed' | 'busy' | 'stuck'> {
    const right = createHash('sha256').update(`break ${name} ${dead.nonce}`).digest('hex');
    const acquisition = await this.acquire(right, dead.holder.place);
    if (acquisition.kind === 'busy') return 'busy';
    using _right = acquisition.lease;
    try {
      this.#files.remove(name, dead.nonce);
    } catch {
      return 'stuck';
    }
    return 'removed';
  }

  #startHeartbeat(): Disposable {
    const beat: Beat = this.#files.openBeat(this.#id);
    let beats = 0;
    try {
      beat.show(beats++);
    } catch (error) {
      quietly(() => beat.close()); // the next attempt makes it anew
      throw error;
    }
    const timer = this.#clock.repeat(this.#heartbeatMs, () => {
      // A missed heartbeat makes others wait or compute the node twice; a broken disk is reported where results are
      // published.
      quietly(() => beat.show(beats++));
    });
    return {
      [Symbol.dispose]: () => {
        timer[Symbol.dispose]();
        quietly(() => beat.close());
      },
    };
  }
}

export class Lease {
  readonly #giveBack: () => void;

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack;
  }

  /**
   * Gives it back, unless it was broken meanwhile and is somebody else's now. It never throws: one that cannot be
   * removed is a remnant, which counts until this process ends.
   */
  release(): void {
    quietly(this.#giveBack);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** @throws what is a bug: file systems may refuse */
function quietly(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof SwpError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}

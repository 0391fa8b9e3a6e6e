/**
 * Leases: one process at a time computes a key. There is one file per key and no global lock.
 *
 *     leases/ab/ab12....json     who computes it, since when
 *     leases/holders/ID          a number that the holder raises every few seconds, as long as it lives
 *
 * A lease only saves work: a process that has lost its lease does no harm, since results are published atomically.
 * A lease is taken by link(2), which is atomic on NFS too. A holder that is gone is noticed at once where process ids
 * can be compared; elsewhere when its number has not changed for a while by the observer's own monotonic clock. Wall
 * clocks and file times are never compared.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemClock, type Clock } from '../base/clock.ts';
import { makeDirectory } from '../base/atomic-file.ts';
import { fileFailure, isAbsent } from '../base/file-failure.ts';
import { isAlive, thisProcess, type ProcessIdentity } from './process-identity.ts';
import type { Scratch } from './scratch.ts';

/** Who computes a key. */
export interface LeaseHolder extends ProcessIdentity {
  /** Of the holding process, at random. */
  id: string;
  /** ISO 8601, by the holder's clock. */
  since: string;
  /** The place in the holder's study, such as `A1/s0/r2/train`. */
  place: string;
}

export type Acquisition = { kind: 'held'; lease: Lease } | { kind: 'busy'; holder: LeaseHolder };

export interface LeaseStoreOptions {
  clock?: Clock;
  /** How this process names itself in its leases. */
  identity?: ProcessIdentity;
  /** How often a holder writes its heartbeat. */
  heartbeatMs?: number;
  /** How long another machine waits for the next heartbeat before it takes a lease for dead. */
  deadAfterMs?: number;
  /** How folders are made: makeOpenDirectory where users who share no group leave leases. */
  makeFolder?: (path: string) => void;
}

const HEARTBEAT_MS = 2_000;
/**
 * Much longer than file attributes are cached by NFS clients (at most 60 s by default, but opening a file refreshes
 * them).
 */
const DEAD_AFTER_MS = 30_000;
/** Removing a dead lease takes a moment: after five seconds, the process that was removing it is gone too. */
const BREAKER_LOOK_MS = 10;
const BREAKER_DEAD_AFTER_LOOKS = 500;
/** How often a process that waits for a lease looks. */
const LOOK_EVERY_MS = 250;

interface LeaseFile {
  /** Of one lease: tells it from the next one of the same name. */
  nonce: string;
  holder: LeaseHolder;
}

/** Of a lease file that cannot be read: it is dead when it has not changed for a while. */
const UNKNOWN_HOLDER: LeaseHolder = {
  host: 'unknown',
  user: 'unknown',
  pid: 0,
  space: '',
  started: null,
  id: '',
  since: '',
  place: '',
};

export class LeaseStore {
  readonly #directory: string;
  readonly #scratch: Scratch;
  readonly #clock: Clock;
  readonly #identity: ProcessIdentity;
  readonly #heartbeatMs: number;
  readonly #deadAfterMs: number;
  readonly #makeFolder: (path: string) => void;
  readonly #id = randomUUID();
  /** What was last seen of a holder elsewhere, and when it was seen to change. */
  readonly #seen = new Map<string, { sign: string; at: number }>();
  readonly #held = new Set<Lease>();
  #heartbeat: NodeJS.Timeout | undefined;

  /** @param directory the cache's leases/ */
  constructor(directory: string, scratch: Scratch, options: LeaseStoreOptions = {}) {
    this.#directory = directory;
    this.#scratch = scratch;
    this.#clock = options.clock ?? systemClock;
    this.#identity = options.identity ?? thisProcess();
    this.#heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS;
    this.#deadAfterMs = options.deadAfterMs ?? DEAD_AFTER_MS;
    this.#makeFolder = options.makeFolder ?? makeDirectory;
  }

  /**
   * Takes the lease of a key, unless somebody has it who lives.
   * @param name 64 hexadecimal digits
   * @param place where in the study the key stands, for those who wait
   * @throws SwpError of kind `file`
   */
  async acquire(name: string, place: string): Promise<Acquisition> {
    const path = this.#path(name);
    try {
      this.#heartbeat ??= this.#startHeartbeat();
      const nonce = randomBytes(8).toString('hex');
      const holder: LeaseHolder = { ...this.#identity, id: this.#id, since: this.#clock.now().toISOString(), place };
      for (;;) {
        if (await this.#publish(path, { nonce, holder })) {
          const lease = new Lease(path, nonce, (released) => this.#held.delete(released));
          this.#held.add(lease);
          return { kind: 'held', lease };
        }
        const current = read(path);
        if (current === undefined) continue; // released in between
        if (!this.#isDead(current)) return { kind: 'busy', holder: current.holder };
        await this.#breakLease(path, current);
      }
    } catch (error) {
      throw fileFailure(error, path, 'write');
    }
  }

  /** Resolves when the lease is free or its holder is dead, when `done` says so, or when the signal is aborted. */
  async wait(name: string, done: () => Promise<boolean>, signal?: AbortSignal): Promise<void> {
    const path = this.#path(name);
    while (signal?.aborted !== true && !(await done())) {
      const current = read(path);
      if (current === undefined || this.#isDead(current)) return;
      await this.#clock.sleep(LOOK_EVERY_MS * (0.75 + Math.random() / 2), signal);
    }
  }

  /** Releases all leases that this process holds. */
  close(): void {
    for (const lease of this.#held) lease.release();
    if (this.#heartbeat === undefined) return;
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
    rmSync(this.#beatFile(this.#id), { force: true });
  }

  /** @returns whether the lease is ours now */
  async #publish(path: string, content: LeaseFile): Promise<boolean> {
    const fresh = join(await this.#scratch.directory(), `lease-${randomBytes(8).toString('hex')}`);
    writeFileSync(fresh, JSON.stringify(content));
    try {
      this.#makeFolder(this.#directory);
      this.#makeFolder(dirname(path));
      linkSync(fresh, path);
      return true;
    } catch (error) {
      // An NFS server that repeats a request answers EEXIST for the link that it has just made: the link count tells.
      if (statSync(fresh).nlink > 1) return true;
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') return false;
      if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code ?? ''))
        return createExclusively(path, content);
      throw error;
    } finally {
      rmSync(fresh, { force: true });
    }
  }

  #isDead({ nonce, holder }: LeaseFile): boolean {
    if (holder.space === this.#identity.space) return !isAlive(holder.pid, holder.started);
    const sign = holder.id === '' ? nonce : signOf(this.#beatFile(holder.id));
    const now = this.#clock.monotonic();
    const seen = this.#seen.get(nonce);
    if (seen?.sign === sign) return now - seen.at >= this.#deadAfterMs;
    this.#seen.set(nonce, { sign, at: now });
    return false;
  }

  /**
   * Several may find the same lease dead at once. A mark named after it makes one of them remove it, so that nobody
   * removes the lease that comes next.
   */
  async #breakLease(path: string, dead: LeaseFile): Promise<void> {
    const mark = `${path}.${createHash('sha256').update(dead.nonce).digest('hex').slice(0, 16)}`;
    for (let looks = 0; !(await this.#publish(mark, dead)); looks++) {
      if (read(path)?.nonce !== dead.nonce) return; // another process has removed it
      if (looks >= BREAKER_DEAD_AFTER_LOOKS) break; // the process that was to remove it was killed just then
      await systemClock.sleep(BREAKER_LOOK_MS);
    }
    if (read(path)?.nonce === dead.nonce) rmSync(path, { force: true });
    rmSync(mark, { force: true });
  }

  #startHeartbeat(): NodeJS.Timeout {
    const path = this.#beatFile(this.#id);
    this.#makeFolder(this.#directory);
    this.#makeFolder(dirname(path));
    let beats = 0;
    const beat = () => writeFileSync(path, String(beats++));
    beat();
    return setInterval(() => {
      try {
        beat();
      } catch {
        // A missed heartbeat makes others wait or compute the node twice; a broken disk is reported where results are
        // published.
      }
    }, this.#heartbeatMs).unref();
  }

  #path(name: string): string {
    return join(this.#directory, name.slice(0, 2), `${name}.json`);
  }

  #beatFile(id: string): string {
    // an id is read from a file: it must not lead elsewhere
    return join(this.#directory, 'holders', id.replace(/[^0-9a-f-]/g, ''));
  }
}

export class Lease {
  readonly #path: string;
  readonly #nonce: string;
  readonly #released: (lease: Lease) => void;

  constructor(path: string, nonce: string, released: (lease: Lease) => void) {
    this.#path = path;
    this.#nonce = nonce;
    this.#released = released;
  }

  /** Gives it back, unless it was broken meanwhile and is somebody else's now. */
  release(): void {
    this.#released(this);
    if (read(this.#path)?.nonce === this.#nonce) rmSync(this.#path, { force: true });
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

function createExclusively(path: string, content: LeaseFile): boolean {
  try {
    writeFileSync(path, JSON.stringify(content), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** The number that a holder has raised last; opening the file asks an NFS server for its present content. */
function signOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return 'none';
  }
}

/** @returns undefined if there is none */
function read(path: string): LeaseFile | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  try {
    const { nonce, holder } = JSON.parse(text) as LeaseFile;
    if (
      typeof nonce === 'string' &&
      typeof holder.id === 'string' &&
      typeof holder.space === 'string' &&
      Number.isSafeInteger(holder.pid) &&
      holder.pid > 0
    )
      return { nonce, holder };
  } catch {
    // falls through: half written, or damaged
  }
  return { nonce: `unreadable ${text}`, holder: UNKNOWN_HOLDER };
}

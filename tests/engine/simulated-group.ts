/**
 * A group of processes that bring studies up to date on one cache, in virtual time: the engine's own `runNode` and the
 * cache's own `LeaseStore`, on leases and records in memory. What they do is watched, and what must not happen throws.
 */
import { setMaxListeners } from 'node:events';
import type { Cache } from '../../src/cache/cache.ts';
import { LeaseStore } from '../../src/cache/lease-store.ts';
import type { LeaseFiles } from '../../src/cache/lease-files.ts';
import type { ProcessIdentity } from '../../src/cache/process-identity.ts';
import type { CacheRecord } from '../../src/cache/record.ts';
import type { StoredLease } from '../../src/cache/stored-lease.ts';
import { SwpError } from '../../src/base/failure.ts';
import { producersOf } from '../../src/engine/dag-builder.ts';
import type { Executor } from '../../src/engine/executor.ts';
import type { PlannedNode } from '../../src/engine/node.ts';
import type { PlannedState } from '../../src/engine/plan.ts';
import {
  Claims,
  collectProducers,
  type NodeEnding,
  type NodeWork,
  type RunContext,
} from '../../src/engine/run-context.ts';
import { runNode } from '../../src/engine/run-node.ts';
import { placeOf } from '../../src/engine/stage.ts';
import { VirtualTime, type VirtualProcess } from '../support/virtual-time.ts';
import { FakeExecutor } from './fake-executor.ts';

/** What a process brings up to date. */
export interface SimulatedStudy {
  nodes: readonly PlannedNode[];
  /** Of stops: the key of the one before, as `chainStops` says. */
  stopBefore: ReadonlyMap<string, string>;
}

/** A tenth of the real times: fewer looks until a holder counts as dead, and more schedules in a second. */
const HEARTBEAT_MS = 400;
const DEAD_AFTER_MS = 3_000;
/** Within this time, an interrupted process ends. */
const STOP_MS = 2_000;
/** The least pause between two looks. */
const LEAST_PAUSE_MS = 187;

export class SimulatedGroup {
  readonly time: VirtualTime;
  readonly random: () => number;
  readonly leases = new Map<string, StoredLease>();
  readonly beats = new Map<string, string>();
  readonly records = new Map<string, CacheRecord>();
  readonly contents = new Map<string, string>();
  readonly processes: SimulatedProcess[] = [];
  /** Who computes a content at the moment. */
  readonly computing = new Map<string, Set<SimulatedProcess>>();
  waits = 0;
  computed = 0;
  /** What must not have happened. */
  readonly faults: string[] = [];

  constructor(random: () => number) {
    this.random = random;
    this.time = new VirtualTime(random);
  }

  start(study: SimulatedStudy, identity: ProcessIdentity, slots: number): SimulatedProcess {
    const process = new SimulatedProcess(this, study, identity, slots);
    this.processes.push(process);
    return process;
  }

  fault(text: string): void {
    this.faults.push(`at ${(this.time.now / 1000).toFixed(3)} s: ${text}`);
  }

  publish(record: CacheRecord): void {
    this.records.set(record.key, record);
  }
}

export class SimulatedProcess implements VirtualProcess {
  isKilled = false;
  isOver = false;
  stillUntil = 0;
  interruptedAt: number | undefined;
  readonly identity: ProcessIdentity;
  readonly endings = new Map<string, NodeEnding>();
  readonly #group: SimulatedGroup;
  readonly #study: SimulatedStudy;
  readonly #store: LeaseStore;
  readonly #executor: Executor;
  readonly #claims = new Claims();
  readonly #controller = new AbortController();
  #beatAt = 0;
  /** Whether others may have taken it for dead, though it lives. */
  wasUnheard = false;

  constructor(group: SimulatedGroup, study: SimulatedStudy, identity: ProcessIdentity, slots: number) {
    this.#group = group;
    this.#study = study;
    this.identity = identity;
    setMaxListeners(0, this.#controller.signal); // each node listens
    this.#executor = new FakeExecutor({ slots, run: () => Promise.reject(new Error('not asked')) });
    this.#store = new LeaseStore(this.#files(), {
      clock: group.time.clock(this),
      identity,
      heartbeatMs: HEARTBEAT_MS,
      deadAfterMs: DEAD_AFTER_MS,
      hasEnded: ({ space, pid }) =>
        space === identity.space &&
        group.processes.some((other) => other.identity.space === space && other.identity.pid === pid && other.isKilled),
    });
  }

  interrupt(): void {
    this.interruptedAt = this.#group.time.now;
    this.#controller.abort('SIGINT');
  }

  get isUnheard(): boolean {
    return this.#beatAt > 0 && this.#group.time.now - this.#beatAt >= DEAD_AFTER_MS;
  }

  /** Each node waits for its producers and for the stop before it, as in a run. */
  async run(): Promise<void> {
    const began = this.#group.time.now;
    const plan = new Map<string, PlannedState>(
      this.#study.nodes.map((node) => [node.key, { node, state: 'missing', reason: { kind: 'missing' } }]),
    );
    const running = new Map<string, Promise<void>>();
    const runOnce = (key: string): Promise<void> => {
      const known = running.get(key) ?? runAfterProducers(plan.get(key)!);
      running.set(key, known);
      return known;
    };
    const runAfterProducers = async (planned: PlannedState): Promise<void> => {
      const { node } = planned;
      const before = this.#study.stopBefore.get(node.key);
      await Promise.all([...producersOf(node).map(({ key }) => key), ...(before ? [before] : [])].map(runOnce));
      const nodeBegan = this.#group.time.now;
      const watch = new NodeWatch(this, this.#group, node);
      const context = this.#contextOf(node, watch);
      this.endings.set(node.key, await runNode(planned, collectProducers(node, plan, this.endings), context));
      watch.end(this.#group.time.now - nodeBegan);
    };
    await Promise.all([...plan.keys()].map(runOnce));
    this.#store.close();
    this.isOver = true;
    const heardAt = Math.max(this.interruptedAt ?? Infinity, this.stillUntil, began);
    if (this.#group.time.now - heardAt > STOP_MS) this.#group.fault('an interrupted process went on');
    const slots = await this.#executor.reserve({ place: 'end', resources: { cpus: 1, gpus: 0 } });
    if (slots === undefined) this.#group.fault('a slot was not given back');
  }

  holdsLeaseFor(place: string): boolean {
    return [...this.#group.leases.values()].some(
      ({ holder }) => holder.pid === this.identity.pid && holder.host === this.identity.host && holder.place === place,
    );
  }

  #contextOf(node: PlannedNode, watch: NodeWatch): RunContext {
    const group = this.#group;
    const operate = () => group.time.operate(this);
    const cache = {
      record: async (key: string) => (await operate(), group.records.get(key)),
      keyByContent: async (contentKey: string) => (await operate(), group.contents.get(contentKey)),
      absentArtifacts: async () => [],
      hasArtifact: () => true,
      verify: async () => {},
      alias: async (key: string, preimage: CacheRecord['preimage'], source: CacheRecord) => {
        await operate();
        const record = { ...source, key, preimage };
        group.publish(record);
        return record;
      },
      leases: watch.leases(this.#store),
    };
    return {
      cache: cache as unknown as Cache,
      study: { dismissed: () => undefined } as unknown as RunContext['study'],
      stages: { root: '/' } as RunContext['stages'],
      executor: {
        capabilities: this.#executor.capabilities,
        close: () => this.#executor.close(),
        reserve: async (request) => {
          const slot = await this.#executor.reserve(request);
          await operate();
          return slot && watch.slot(slot);
        },
      },
      emit: (event) => event.event === 'node-wait' && watch.told(event.holder),
      signal: this.#controller.signal,
      environment: async () => ({}),
      checkpointSeconds: 60,
      memoryPerNode: undefined,
      priorityOf: () => 0,
      restore: () => Promise.reject(new Error('nothing is evicted')),
      compute: (work, slot) => this.#compute(node, work, () => slot.release()),
      unwanted: () => [],
      warn: () => {},
      claims: watch.claims(this.#claims),
    };
  }

  async #compute(node: PlannedNode, work: NodeWork, releaseSlot: () => void): Promise<CacheRecord | 'cancelled'> {
    const { random, time, contents, records } = this.#group;
    const { contentKey, key, preimage, contentPreimage } = work.identity;
    const place = placeOf(node.labels[0]!);
    const others = this.#group.computing.get(contentKey) ?? new Set<SimulatedProcess>();
    this.#group.computing.set(contentKey, others);
    const isExcused = (other: SimulatedProcess) => other.isKilled || other.isUnheard || other.wasUnheard;
    for (const other of others)
      if (!isExcused(other) && !isExcused(this)) this.#group.fault(`${place} is computed by two processes at once`);
    if (records.has(contents.get(contentKey) ?? '') && !this.#group.processes.some(isExcused))
      this.#group.fault(`${place} is computed though it is published`);
    others.add(this);
    this.#group.computed++;
    const end = time.now + durationOf(work) * random();
    const { signal } = this.#controller;
    try {
      const clock = time.clock(this);
      while (time.now < end && !signal.aborted) await clock.sleep(Math.min(end - time.now, 5_000), signal);
      if (signal.aborted) return 'cancelled';
      if (random() < 0.04)
        throw new SwpError({ kind: 'stage', message: 'no luck', stage: node.stage.name, node: place });
      releaseSlot();
      const sha256 = (node.params.makes as string | undefined) ?? contentKey;
      const record = {
        id: key,
        key,
        contentKey,
        preimage,
        contentPreimage,
        artifacts: { out: { sha256, bytes: 1, file: 'out' } },
      } as unknown as CacheRecord;
      await time.operate(this);
      contents.set(contentKey, key);
      await time.operate(this);
      this.#group.publish(record);
      return record;
    } finally {
      others.delete(this);
    }
  }

  #files(): LeaseFiles {
    const { leases, beats, time } = this.#group;
    const operate = () => time.operate(this);
    return {
      create: async (name, lease) => {
        await operate();
        if (leases.has(name)) return false;
        leases.set(name, lease);
        return true;
      },
      read: async (name) => (await operate(), leases.get(name)),
      remove: (name, nonce) => {
        if (leases.get(name)?.nonce === nonce) leases.delete(name);
      },
      lengths: async (trajectory) => {
        await operate();
        return [...leases.keys()].flatMap((name) =>
          name.startsWith(`${trajectory}.`) ? [Number(name.slice(trajectory.length + 1))] : [],
        );
      },
      openBeat: (id) => ({
        show: (number) => {
          if (this.isUnheard) this.wasUnheard = true;
          this.#beatAt = time.now;
          beats.set(id, String(number));
        },
        close: () => beats.delete(id),
      }),
      lastBeat: async (id) => (await operate(), beats.get(id)),
    };
  }
}

/** The longest time that a node's job takes, in milliseconds. */
function durationOf({ point }: NodeWork): number {
  return point === undefined ? 500 : Math.min(point.at * 20, 20_000);
}

/** Watches one node: what it holds, and how often it looks and says that it waits. */
class NodeWatch {
  readonly #process: SimulatedProcess;
  readonly #group: SimulatedGroup;
  readonly #place: string;
  readonly #at: number;
  readonly #told = new Set<string>();
  #asked = 0;
  #holdsSlot = false;
  #holdsClaim = false;

  constructor(process: SimulatedProcess, group: SimulatedGroup, node: PlannedNode) {
    this.#process = process;
    this.#group = group;
    this.#place = placeOf(node.labels[0]!);
    this.#at = (node.params.to as number | undefined) ?? 0;
  }

  leases(store: LeaseStore): Pick<LeaseStore, 'acquire' | 'holderBefore' | 'wait'> {
    let own = '';
    return {
      acquire: (name, place) => {
        own = name;
        this.#asked++;
        return store.acquire(name, place);
      },
      holderBefore: (trajectory, at) => store.holderBefore(trajectory, at),
      wait: (name, isOver, signal) => {
        if (this.#holdsSlot) this.#fault('waits with a slot');
        if (this.#holdsClaim) this.#fault('waits with a claim');
        if (this.#process.holdsLeaseFor(this.#place)) this.#fault('waits with a lease');
        const [trajectory, length] = name.split('.');
        if (name !== own && !(own.startsWith(`${trajectory}.`) && Number(length) < this.#at))
          this.#fault(`waits for ${name}, which is of no use to it`);
        return store.wait(name, () => (this.#asked++, isOver()), signal);
      },
    };
  }

  slot<Slot extends Disposable & { release(): void }>(slot: Slot): Slot {
    this.#holdsSlot = true;
    const release = () => {
      this.#holdsSlot = false;
      slot.release();
    };
    return { ...slot, release, [Symbol.dispose]: release };
  }

  claims(claims: Claims): Claims {
    return {
      heldBy: (contentKey: string) => claims.heldBy(contentKey),
      take: (contentKey: string) => {
        const claim = claims.take(contentKey);
        this.#holdsClaim = true;
        return { [Symbol.dispose]: () => ((this.#holdsClaim = false), claim[Symbol.dispose]()) };
      },
    } as Claims;
  }

  told({ host, pid }: { host: string; pid: number }): void {
    this.#group.waits++;
    if (this.#told.has(`${host} ${pid}`)) this.#fault(`says twice that it waits for ${pid} on ${host}`);
    this.#told.add(`${host} ${pid}`);
  }

  /** @param elapsed milliseconds that it took to come to its result */
  end(elapsed: number): void {
    const most = 8 + (3 * elapsed) / LEAST_PAUSE_MS;
    if (this.#asked > most) this.#fault(`looked ${this.#asked} times in ${Math.round(elapsed)} ms`);
    if (this.#holdsSlot || this.#holdsClaim || this.#process.holdsLeaseFor(this.#place))
      this.#fault('ends and holds on');
  }

  #fault(text: string): void {
    this.#group.fault(`${this.#place} of process ${this.#process.identity.pid} ${text}`);
  }
}

/**
 * Eviction during a run: large artifacts that this run has made and that no planned node needs any more go, so that a
 * study of a large model fits a disk. Whatever asks for one later has it computed again. What other runs or studies use
 * stays: those whose keys stand in their ledgers, or in what they noted when they began.
 */
import type { Cache } from '../cache/cache.ts';
import { withParts } from '../cache/garbage-collection.ts';
import type { CacheRecord, RecordedArtifact } from '../cache/record.ts';
import type { StudyState } from '../cache/study-state.ts';
import { producersOf } from './dag-builder.ts';
import type { Evicted } from './event.ts';
import { isToRun } from './needed-nodes.ts';
import type { PlannedNode } from './node.ts';
import type { Plan, PlannedState } from './plan.ts';
import type { NodeEnding } from './run-context.ts';
import { chainStops, pointOf } from './trajectory.ts';

/**
 * `all`: everything. `last`: of every run of the study what its last node has made; `none`: nothing that no planned
 * node needs.
 */
export type KeptArtifacts = 'all' | 'last' | 'none';

export class RunEviction {
  readonly evicted: Evicted = { artifacts: 0, bytes: 0 };
  readonly #plan: Plan;
  readonly #cache: Cache;
  readonly #study: StudyState;
  readonly #keep: KeptArtifacts;
  readonly #endings: ReadonlyMap<string, NodeEnding>;
  /** Keys of nodes that are being computed again. */
  readonly #restoring: { has(key: string): boolean };
  /** What this run has made and may evict, by path. */
  readonly #made = new Map<string, RecordedArtifact>();
  /** By key: the node before it on its trajectory, from which it goes on. */
  readonly #stopBefore: ReadonlyMap<string, string>;
  /** Keys of the last nodes of runs. */
  readonly #last: ReadonlySet<string>;
  /** Paths that the records of others name, by their keys. */
  readonly #ofOthers = new Map<string, readonly string[]>();
  #sweeping: Promise<void> = Promise.resolve();

  constructor(
    { plan, cache, study, keep }: { plan: Plan; cache: Cache; study: StudyState; keep: KeptArtifacts },
    endings: ReadonlyMap<string, NodeEnding>,
    restoring: { has(key: string): boolean },
  ) {
    this.#plan = plan;
    this.#cache = cache;
    this.#study = study;
    this.#keep = keep;
    this.#endings = endings;
    this.#restoring = restoring;
    this.#stopBefore = chainStops([...plan.nodes.values()].filter(isToRun).map(({ node }) => node));
    this.#last = keep === 'last' ? lastNodes([...plan.nodes.values()].map(({ node }) => node)) : new Set();
  }

  /** Outputs that a node need not keep: of use only to go on from, and no planned node does. */
  unwanted({ key, stage }: PlannedNode): string[] {
    const names = Object.keys(stage.outputs).filter((name) => stage.outputs[name]!.resuming === true);
    if (this.#keep === 'all' || names.length === 0) return [];
    const asked = new Set(
      this.#open()
        .flatMap((planned) => this.#consumed(planned.node))
        .map(pairOf),
    );
    return names.filter((artifact) => !asked.has(pairOf({ key, artifact })));
  }

  /** A node has ended: what is not needed any more goes. */
  ended(ending: NodeEnding): void {
    if (this.#keep === 'all') return;
    if (ending.kind === 'ran' || ending.kind === 'restored')
      for (const artifact of Object.values(ending.record.artifacts))
        if (artifact.evictable === true && this.#cache.hasFile(artifact))
          this.#made.set(this.#cache.artifactPath(artifact), artifact);
    this.#sweeping = this.#sweeping.then(() => this.#sweep());
  }

  /** Resolves when everything is gone that may go. @throws SwpError of kind `file` */
  settled(): Promise<void> {
    return this.#sweeping;
  }

  async #sweep(): Promise<void> {
    if (this.#made.size === 0) return;
    const ofOthers = await this.#pathsOfOthers();
    // Nothing else of this process happens between the look at what is needed and the eviction.
    const needed = this.#pathsNeeded();
    for (const [path, artifact] of this.#made) {
      if (needed.has(path)) continue;
      this.#made.delete(path);
      if (ofOthers.has(path)) continue;
      this.#cache.evict(artifact);
      this.evicted.artifacts += 1;
      this.evicted.bytes += artifact.bytes;
    }
  }

  #pathsNeeded(): Set<string> {
    const needed = new Set<string>();
    const add = (artifact: RecordedArtifact | undefined) => {
      for (const each of artifact === undefined ? [] : withParts(artifact)) needed.add(this.#cache.artifactPath(each));
    };
    for (const { node } of this.#open())
      for (const { key, artifact } of this.#consumed(node)) add(this.#recordOf(key)?.artifacts[artifact]);
    for (const key of this.#last) {
      const { outputs } = this.#plan.nodes.get(key)!.node.stage;
      for (const [name, artifact] of Object.entries(this.#recordOf(key)?.artifacts ?? {}))
        if (outputs[name]?.resuming !== true) add(artifact);
    }
    return needed;
  }

  /** What a node consumes, the state from which it goes on included. */
  #consumed(node: PlannedNode): { key: string; artifact: string }[] {
    const before = this.#stopBefore.get(node.key);
    const state = before === undefined ? [] : (pointOf(node, node.preimage)?.declared.state ?? []);
    return [...producersOf(node), ...state.map((artifact) => ({ key: before!, artifact }))];
  }

  /** Planned nodes that have no result yet, also those that this run was not asked for, or that failed in it. */
  #open(): PlannedState[] {
    return [...this.#plan.nodes.values()].filter(
      ({ node: { key } }) => this.#restoring.has(key) || this.#recordOf(key) === undefined,
    );
  }

  #recordOf(key: string): CacheRecord | undefined {
    const ending = this.#endings.get(key);
    if (ending !== undefined) return 'record' in ending ? ending.record : undefined;
    const { state, record } = this.#plan.nodes.get(key)!;
    return state === 'cached' ? record : undefined;
  }

  async #pathsOfOthers(): Promise<Set<string>> {
    for (const key of this.#study.keysOfOthers()) {
      if (this.#ofOthers.has(key)) continue;
      const record = await this.#cache.record(key).catch(() => undefined); // damaged: computed again
      if (record === undefined) continue; // it may come
      const artifacts = Object.values(record.artifacts).flatMap(withParts);
      this.#ofOthers.set(
        key,
        artifacts.map((artifact) => this.#cache.artifactPath(artifact)),
      );
    }
    return new Set([...this.#ofOthers.values()].flat());
  }
}

/** Of every experiment and seed, the node furthest on that makes something evictable. */
export function lastNodes(nodes: Iterable<PlannedNode>): Set<string> {
  const last = new Map<string, { key: string; round: number }>();
  for (const node of nodes) {
    const makesLarge = Object.values(node.stage.outputs).some(({ evictable }) => evictable === true);
    for (const { experiment, seed, round } of makesLarge ? node.labels : []) {
      const run = JSON.stringify([experiment, seed]);
      if (round >= (last.get(run)?.round ?? 0)) last.set(run, { key: node.key, round });
    }
  }
  return new Set([...last.values()].map(({ key }) => key));
}

function pairOf({ key, artifact }: { key: string; artifact: string }): string {
  return `${key} ${artifact}`;
}

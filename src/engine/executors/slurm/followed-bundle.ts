/**
 * A bundle as somebody sees it who waits for its nodes: what its job writes into the submission's folder, passed on
 * node by node, and how each node ended. A job that was requeued, or was not the first, begins where the cache is.
 */
import type { Failure } from '../../../base/failure.ts';
import type { SwpEvent } from '../../event.ts';
import type { DelegateEvent, DelegateOutcome } from '../../executor.ts';

/** Whoever waits for a node of a bundle. */
interface Listener {
  hear(event: DelegateEvent): void;
  /** The bundle is through with the node. */
  end(outcome: DelegateOutcome): void;
}

/** Of a node that nobody listens to yet, so many of the last events are kept. */
const KEPT_EVENTS = 1_000;

export class FollowedBundle {
  readonly #slot: number;
  readonly #job: string;
  readonly #listeners = new Map<string, Set<Listener>>();
  /** By node, since its last start. */
  readonly #events = new Map<string, DelegateEvent[]>();
  readonly #ended = new Map<string, DelegateOutcome>();
  /** Why nodes that have not ended never will. */
  #over: DelegateOutcome | undefined;

  /**
   * @param slot tells the bundles of a run apart
   * @param job what Slurm calls it, such as `123_4`
   */
  constructor(slot: number, job: string) {
    this.#slot = slot;
    this.#job = job;
  }

  /** @returns stops listening */
  listen(key: string, listener: Listener): () => void {
    for (const event of this.#events.get(key) ?? []) listener.hear(event);
    const outcome = this.#ended.get(key) ?? this.#over;
    if (outcome !== undefined) {
      listener.end(outcome);
      return () => {};
    }
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** Whether its job has computed a node. */
  hasRun(key: string): boolean {
    const outcome = this.#ended.get(key);
    return outcome?.kind === 'done' && outcome.ran;
  }

  /** Whether its job has begun a node that nobody listens to, and has not said that it has ended. */
  isAt(key: string): boolean {
    return this.#events.has(key);
  }

  /** Takes what the job's run has told. */
  take(event: SwpEvent): void {
    switch (event.event) {
      case 'node-start': {
        if (event.worker === undefined) return; // another recipe's results serve
        const { resumedAt, interrupted } = event;
        this.#events.delete(event.key);
        this.#ended.delete(event.key); // by an earlier job of this bundle, which was stopped
        return this.#tell(event.key, {
          kind: 'started',
          slot: this.#slot,
          job: this.#job,
          ...(resumedAt !== undefined && { resumedAt }),
          ...(interrupted !== undefined && { interrupted }),
        });
      }
      case 'node-progress':
        return this.#tell(event.key, { kind: 'progress', progress: event.progress });
      case 'node-log':
        return this.#tell(event.key, { kind: 'output', text: `${event.line}\n` });
      case 'node-checkpoint':
        return this.#tell(event.key, { kind: 'checkpoint-kept', at: event.at });
      case 'node-end': {
        const { outcome, failure, key } = event;
        if (failure?.kind === 'stopped') return; // the job is requeued, or ends: Slurm says which
        if (outcome === 'ran' || outcome === 'cached') return this.#end(key, { kind: 'done', ran: outcome === 'ran' });
        if (failure !== undefined) this.#end(key, { kind: 'failed', failure });
        return;
      }
      default:
        return;
    }
  }

  /**
   * The job has ended.
   * @param failure why it did not come to the end of its work; undefined if it did: then nodes of which it told nothing
   *   were in the cache before
   */
  settle(failure: Failure | undefined): void {
    this.#over = failure === undefined ? { kind: 'done', ran: false } : { kind: 'failed', failure };
    for (const key of [...this.#listeners.keys()]) this.#end(key, this.#over);
  }

  #tell(key: string, event: DelegateEvent): void {
    const listeners = this.#listeners.get(key);
    if (listeners !== undefined && listeners.size > 0) for (const { hear } of listeners) hear(event);
    else {
      const events = this.#events.get(key) ?? [];
      this.#events.set(key, events);
      // Of progress the last one says everything, and of a long log its end is enough.
      if (event.kind === 'progress' && events.at(-1)?.kind === 'progress') events.pop();
      if (events.length >= KEPT_EVENTS) events.splice(1, 1);
      events.push(event);
    }
  }

  #end(key: string, outcome: DelegateOutcome): void {
    this.#ended.set(key, outcome);
    this.#events.delete(key);
    const listeners = this.#listeners.get(key);
    this.#listeners.delete(key);
    for (const { end } of listeners ?? []) end(outcome);
  }
}

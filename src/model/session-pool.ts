/**
 * The sessions that a process keeps from one node for the next. Opening one takes some 50 ms for a small model: as long
 * as several of its training steps, and longer than many evaluations. So a session that was used is kept for whoever
 * needs one that is made of the same; what is kept is bounded, and whatever failed while it was used is let go.
 */
import type { Graph } from '../compute/graph/graph.ts';
import { countMemory } from '../compute/graph/memory.ts';
import type { JsonValue } from '../base/json.ts';

/** What can be kept: it holds memory, which no garbage collection frees, until it is released. */
export interface PooledSession {
  /** Bytes that it holds, as far as they can be counted. */
  readonly bytes: number;
  release(): Promise<void>;
}

interface Kept {
  identity: string;
  session: PooledSession;
}

/**
 * What all kept sessions may take. The training, the detection and the evaluation of the built-in model with their
 * default batches, between which a worker goes to and fro, take 59 MiB by this count, and twice that of the process. Of
 * a model whose training alone takes more, one training step takes longer than opening the session anew.
 */
const KEPT_BYTES = 2 ** 26;
/** What a runtime takes for a session besides its tensors: the graph, the kernels, the plan of execution. */
const OWN_BYTES = 2 ** 22;

export class SessionPool {
  readonly #limit: number;
  /** Those that nobody uses at the moment; the one that was used last is the last. */
  #kept: Kept[] = [];

  /** @param limit bytes that the sessions may take that nobody uses */
  constructor(limit = KEPT_BYTES) {
    this.#limit = limit;
  }

  /** How many sessions are kept that nobody uses. */
  get size(): number {
    return this.#kept.length;
  }

  /** What they take. */
  get bytes(): number {
    return this.#kept.reduce((sum, { session }) => sum + session.bytes, 0);
  }

  /**
   * Works with a session that nobody else uses meanwhile: a kept one, or a new one.
   * @param madeOf all that the session depends on and nothing else, such as its graph, its shapes and its device
   * @param work that throws leaves the session in an unknown state: it is released
   */
  async use<Session extends PooledSession, Result>(
    madeOf: JsonValue,
    open: () => Promise<Session>,
    work: (session: Session) => Promise<Result>,
  ): Promise<Result> {
    const identity = JSON.stringify(madeOf);
    const session = this.#take<Session>(identity) ?? (await open());
    let result: Result;
    try {
      result = await work(session);
    } catch (error) {
      await session.release().catch(() => {}); // why the work failed matters more
      throw error;
    }
    this.#kept.push({ identity, session });
    await this.#releaseSurplus();
    return result;
  }

  /** Releases all that nobody uses. */
  async clear(): Promise<void> {
    const released = this.#kept;
    this.#kept = [];
    for (const { session } of released) await session.release();
  }

  #take<Session>(identity: string): Session | undefined {
    const index = this.#kept.findLastIndex((kept) => kept.identity === identity);
    return index < 0 ? undefined : (this.#kept.splice(index, 1)[0]!.session as Session);
  }

  /** One that is too large by itself is not worth the others: they stay. */
  async #releaseSurplus(): Promise<void> {
    const last = this.#kept.at(-1)!;
    if (last.session.bytes > this.#limit) {
      this.#kept.pop();
      return last.session.release();
    }
    while (this.bytes > this.#limit) await this.#kept.shift()!.session.release();
  }
}

/** Those of this process. */
export const sessionPool: SessionPool = new SessionPool();

/** Bytes that a runtime's session of a graph holds besides the memory that its inputs are bound to. */
export function heldBytes(graph: Graph): number {
  const { constants, outputs, activations } = countMemory(graph);
  return OWN_BYTES + constants + outputs + activations;
}

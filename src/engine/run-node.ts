/**
 * How one node comes to its result, once its producers are settled:
 *
 *     the record under its recipe key, if it was made of these very inputs
 *     or else the record of another recipe with the same content (early cutoff)
 *     or else what another process makes of it, if one is at it (a lease)
 *     or else a run of the stage in a worker, published under both keys
 */
import { compute, reuse, type Work } from './compute-node.ts';
import { countingRecord, recordByContent } from './counting-record.ts';
import type { Reason } from './event.ts';
import { identify } from './node-identity.ts';
import type { PlannedNode } from './node.ts';
import type { PlannedState } from './plan.ts';
import { restoreInputs, warnOfOtherBits } from './restore-inputs.ts';
import {
  blockedBy,
  failedWith,
  recordIfCached,
  recordOf,
  type Producers,
  type RunContext,
  type Settled,
} from './run-context.ts';

/** @throws only for bugs in swp: whatever else goes wrong is the node's own failure */
export async function runNode(planned: PlannedState, producers: Producers, context: RunContext): Promise<Settled> {
  try {
    return await settle(planned, producers, context);
  } catch (error) {
    return failedWith(error, performance.now());
  }
}

async function settle(planned: PlannedState, producers: Producers, context: RunContext): Promise<Settled> {
  const { node } = planned;
  if (planned.state === 'cached' && standsUntouched(node, producers))
    return { outcome: 'cached', record: planned.record! };
  const blocker = Object.values(node.inputs).find(({ key }) => recordOf(producers, key) === undefined);
  if (blocker !== undefined) return blockedBy(blocker.key, producers);

  const identity = identify(node, (key) => recordOf(producers, key));
  const own = identity.key === node.key ? recordIfCached(planned) : await countingRecord(identity.key, context);
  if (own?.contentKey === identity.contentKey) return { outcome: 'cached', record: own };
  if (context.signal.aborted) return { outcome: 'blocked' };

  const reason = planned.state === 'cached' ? whyNotCached(planned, producers) : planned.reason;
  const found = reason.kind === 'invalidated' ? undefined : await recordByContent(identity.contentKey, context);
  if (found !== undefined) return reuse(node, identity, found, context);
  const restored = await restoreInputs(node, producers, context);
  if ('outcome' in restored) return restored;
  const work = {
    planned,
    identity: identify(node, (key) => recordOf(restored.producers, key)),
    reason,
    producers: restored.producers,
  };
  return computeOnce(work, context);
}

/**
 * Computes a node whose result is known but not whole any more. What it was made of is settled.
 * @param reason says what is gone
 */
export async function restoreNode(
  planned: PlannedState,
  producers: Producers,
  reason: Reason,
  context: RunContext,
): Promise<Settled> {
  try {
    const restored = await restoreInputs(planned.node, producers, context);
    if ('outcome' in restored) return restored;
    const identity = identify(planned.node, (key) => recordOf(restored.producers, key));
    const settled = await computeOnce({ planned, identity, reason, producers: restored.producers }, context);
    if (settled.outcome !== 'ran') return settled;
    if (planned.record !== undefined) warnOfOtherBits(planned, planned.record, settled.record, context);
    return { ...settled, restored: true };
  } catch (error) {
    return failedWith(error, performance.now());
  }
}

/** Unless another recipe with the same content is being computed: then its results serve. */
async function computeOnce(work: Work, context: RunContext): Promise<Settled> {
  const { planned, identity, reason } = work;
  // What the user dismissed, or what is gone, is to be computed, not found again.
  if (reason.kind === 'invalidated' || reason.kind === 'evicted') return compute(work, context);
  for (;;) {
    const source = await recordByContent(identity.contentKey, context);
    if (source !== undefined) return reuse(planned.node, identity, source, context);
    const twin = context.underWay.get(identity.contentKey);
    if (twin === undefined) return compute(work, context);
    await twin;
  }
}

/** Whether nothing that this run did can touch a cached node. */
function standsUntouched(node: PlannedNode, producers: Producers): boolean {
  const gathers = Object.keys(node.gathers).length > 0;
  return [...producers.values()].every(({ planned, settled }) => {
    if (settled === undefined) return true;
    if ('restored' in settled) return true;
    if (settled.outcome === 'cached') return settled.record === planned.record;
    // A producer that only lost its artifacts, and cannot make them again, still was what the record says.
    return settled.outcome !== 'ran' && ['missing', 'failed'].includes(planned.reason.kind) && !gathers;
  });
}

/** The first producer whose artifact is other than the one that the record was made of. */
function whyNotCached({ node, record }: PlannedState, producers: Producers): Reason {
  const made = record!.contentPreimage.inputs as Record<string, { sha256: string }>;
  for (const [input, { key, artifact }] of Object.entries(node.inputs))
    if (recordOf(producers, key)?.artifacts[artifact]?.sha256 !== made[input]?.sha256)
      return { kind: 'input-differs', input };
  return { kind: 'input-differs', input: Object.keys(node.gathers)[0]! };
}

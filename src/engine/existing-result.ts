/** Finds results that serve a node: whole records, not dismissed in the study, and made of the same content. */
import type { CacheRecord } from '../cache/record.ts';
import { SwpError } from '../base/failure.ts';
import { isIncomplete } from './plan.ts';
import type { NodeWork, RunContext } from './run-context.ts';

type Records = Pick<RunContext, 'cache' | 'study'>;

/**
 * The record of a node's own recipe, or else of another recipe with the same content (early cutoff). For a node that
 * runs because an artifact is gone, only if that artifact is there again.
 */
export async function findResult(
  { identity, reason }: NodeWork,
  context: Records & Pick<RunContext, 'signal'>,
): Promise<CacheRecord | undefined> {
  const own = await countingRecord(identity.key, context);
  if (own?.contentKey === identity.contentKey) {
    const isWhole = reason.kind !== 'evicted' || !(await context.cache.absentArtifacts(own)).includes(reason.artifact);
    return isWhole ? own : undefined;
  }
  // What the user dismissed is to be computed, not found elsewhere; and a run that was stopped writes nothing more.
  if (reason.kind === 'invalidated' || context.signal.aborted) return undefined;
  const key = await context.cache.keyByContent(identity.contentKey);
  const record = key === undefined ? undefined : await countingRecord(key, context);
  return record?.contentKey === identity.contentKey ? record : undefined;
}

/** A record that counts and has its artifacts, except for evicted ones. */
async function countingRecord(key: string, context: Records): Promise<CacheRecord | undefined> {
  const record = await wholeRecord(key, context);
  return record === undefined || isIncomplete(record, await context.cache.absentArtifacts(record)) ? undefined : record;
}

/** A record that is not damaged and not dismissed in this study. */
export async function wholeRecord(key: string, { cache, study }: Records): Promise<CacheRecord | undefined> {
  const record = await cache.record(key).catch((error: unknown) => {
    if (error instanceof SwpError && error.failure.kind === 'content') return undefined; // as in planning
    throw error;
  });
  return record === undefined || study.dismissed(record.id) !== undefined ? undefined : record;
}

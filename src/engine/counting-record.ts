/** Records that count in a study: whole, and not dismissed there. */
import type { CacheRecord } from '../cache/record.ts';
import { SwpError } from '../base/failure.ts';
import { isIncomplete } from './plan.ts';
import type { RunContext } from './run-context.ts';

type Records = Pick<RunContext, 'cache' | 'study'>;

export async function recordByContent(contentKey: string, context: Records): Promise<CacheRecord | undefined> {
  const key = await context.cache.keyByContent(contentKey);
  const record = key === undefined ? undefined : await countingRecord(key, context);
  return record?.contentKey === contentKey ? record : undefined;
}

/** A record that counts and has its artifacts, but for those that were evicted. */
export async function countingRecord(key: string, context: Records): Promise<CacheRecord | undefined> {
  const record = await wholeRecord(key, context);
  return record === undefined || isIncomplete(record, await context.cache.absentArtifacts(record)) ? undefined : record;
}

/** A record that is whole and not dismissed in this study. */
export async function wholeRecord(key: string, { cache, study }: Records): Promise<CacheRecord | undefined> {
  const record = await cache.record(key).catch((error: unknown) => {
    if (error instanceof SwpError && error.failure.kind === 'content') return undefined; // as in planning
    throw error;
  });
  return record === undefined || study.dismissed(record.id) !== undefined ? undefined : record;
}

/** Reads from a record's pre-image which nodes' artifacts it was made of. */
import type { CacheRecord } from '../cache/record.ts';
import type { GatheredRef, InputRef } from '../engine/node.ts';
import type { NodeLabel } from '../engine/stage.ts';

/** An input that was gathered; without a key where its producer had no result. */
export interface GatheredItem {
  label: NodeLabel;
  stage: string;
  artifact: string;
  key?: string;
  sha256?: string;
  missing?: true;
}

export function inputRefs({ preimage }: Pick<CacheRecord, 'preimage'>): Record<string, InputRef> {
  return preimage.inputs as unknown as Record<string, InputRef>;
}

export function gatheredItems({ preimage }: Pick<CacheRecord, 'preimage'>): Record<string, GatheredItem[]> {
  return preimage.gathers as unknown as Record<string, GatheredItem[]>;
}

/** Without the missing ones. */
export function gatheredRefs(record: Pick<CacheRecord, 'preimage'>): Record<string, GatheredRef[]> {
  return Object.fromEntries(
    Object.entries(gatheredItems(record)).map(([name, items]) => [
      name,
      items.filter((item): item is GatheredItem & { key: string } => item.key !== undefined),
    ]),
  );
}

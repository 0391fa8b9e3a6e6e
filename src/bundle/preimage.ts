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

/** Without the missing ones. */
export function gatheredRefs({ preimage }: Pick<CacheRecord, 'preimage'>): Record<string, GatheredRef[]> {
  const gathers = preimage.gathers as unknown as Record<string, GatheredItem[]>;
  return Object.fromEntries(
    Object.entries(gathers).map(([name, items]) => [
      name,
      items.filter((item): item is GatheredItem & { key: string } => item.key !== undefined),
    ]),
  );
}

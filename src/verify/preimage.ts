/** Reads from a record's pre-images which artifacts it was made of, by the keys of their producers and by content. */
import type { CacheRecord } from '../cache/record.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
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

type Preimages = Pick<CacheRecord, 'preimage' | 'contentPreimage'>;

export function inputRefs({ preimage }: Pick<Preimages, 'preimage'>): Record<string, InputRef> {
  return preimage.inputs as unknown as Record<string, InputRef>;
}

/** The digests of the same inputs. */
export function inputContents({ contentPreimage }: Preimages): Record<string, { sha256: string }> {
  return contentPreimage.inputs as unknown as Record<string, { sha256: string }>;
}

export function gatheredItems({ preimage }: Pick<Preimages, 'preimage'>): Record<string, GatheredItem[]> {
  return preimage.gathers as unknown as Record<string, GatheredItem[]>;
}

/** The same items with digests in place of keys. */
export function gatheredContents({ contentPreimage }: Preimages): Record<string, GatheredItem[]> {
  return contentPreimage.gathers as unknown as Record<string, GatheredItem[]>;
}

/** Without the missing ones. */
export function gatheredRefs(record: Pick<Preimages, 'preimage'>): Record<string, GatheredRef[]> {
  return Object.fromEntries(
    Object.entries(gatheredItems(record)).map(([name, items]) => [
      name,
      items.filter((item): item is GatheredItem & { key: string } => item.key !== undefined),
    ]),
  );
}

/** Whether a pre-image has the form that the functions above take for granted. A bundle may hold any JSON. */
export function isPreimage({ stage, params, inputs, gathers }: JsonObject): boolean {
  return (
    typeof stage === 'string' &&
    isJsonObject(params) &&
    isJsonObject(inputs) &&
    Object.values(inputs).every(isJsonObject) &&
    isJsonObject(gathers) &&
    Object.values(gathers).every((items) => Array.isArray(items) && items.every(isGatheredItem))
  );
}

function isGatheredItem(item: JsonValue): boolean {
  if (!isJsonObject(item) || typeof item.artifact !== 'string') return false;
  const { label, key } = item;
  return isJsonObject(label) && (key === undefined || typeof key === 'string');
}

/** A node's two keys, once its producers have ended. Gathered artifacts that are missing are listed in them. */
import type { CacheRecord, RecordedArtifact } from '../cache/record.ts';
import type { JsonObject } from '../base/json.ts';
import { contentPreimage, recipePreimage, type ByContent, type BySource, type Gathered, type Work } from './key.ts';
import { digestJson } from '../base/digest.ts';
import type { PlannedNode } from './node.ts';

export interface NodeIdentity {
  /** The planned recipe key, unless a gathered artifact is missing: a result with holes never poses as the whole. */
  key: string;
  preimage: JsonObject;
  contentKey: string;
  contentPreimage: JsonObject;
}

/**
 * @param recordOf record of a producer; undefined where it failed or was not run
 * @throws Error if the producer of a single input has no record: such a node is blocked and has no identity
 */
export function identify(node: PlannedNode, recordOf: (producer: string) => CacheRecord | undefined): NodeIdentity {
  const work = node.preimage as unknown as Work;
  const inputs: Record<string, ByContent> = {};
  for (const [name, { key, artifact }] of Object.entries(node.inputs)) {
    const record = recordOf(key);
    if (record === undefined) throw new Error(`Input "${name}" has no record.`);
    inputs[name] = { sha256: artifactOf(record, artifact).sha256 };
  }

  let whole = true;
  const bySource: Record<string, Gathered<BySource>[]> = {};
  const byContent: Record<string, Gathered<ByContent>[]> = {};
  for (const [name, items] of Object.entries(node.gathers)) {
    bySource[name] = [];
    byContent[name] = [];
    for (const { key, artifact, label, stage } of items) {
      const record = recordOf(key);
      const item = { label, stage, artifact };
      if (record === undefined) whole = false;
      bySource[name].push(record ? { ...item, key } : { ...item, missing: true });
      byContent[name].push(
        record ? { ...item, sha256: artifactOf(record, artifact).sha256 } : { ...item, missing: true },
      );
    }
  }

  const content = contentPreimage(work, inputs, byContent);
  const preimage = whole ? node.preimage : recipePreimage(work, node.inputs, bySource);
  return {
    key: whole ? node.key : digestJson(preimage),
    preimage,
    contentKey: digestJson(content),
    contentPreimage: content,
  };
}

/** @throws Error for an artifact that the record lacks: declared outputs are always recorded */
export function artifactOf(record: CacheRecord, name: string): RecordedArtifact {
  const artifact = record.artifacts[name];
  if (artifact === undefined) throw new Error(`The record ${record.key} has no artifact "${name}".`);
  return artifact;
}

/**
 * The two keys of a node and what is hashed into them; docs/hashing.md lists every ingredient with its reason.
 *
 * - The recipe key is known before anything runs: inputs count by the key of the node that makes them.
 * - The content key is known once the inputs exist: inputs count by the digest of the artifact consumed. It finds
 *   results whose recipe differs but whose inputs came out the same.
 */
import type { JsonObject, JsonValue } from '../base/json.ts';
import type { InputRef } from './node.ts';
import type { NodeLabel } from './stage.ts';

/** Raised when a pre-image's form or meaning changes: keys of different versions never meet. */
const VERSION = 1;

/** What does not depend on where inputs come from. */
export interface Work {
  /** The stage's name. */
  stage: string;
  /** Fingerprint of the stage's code. */
  code: string;
  /** What `StageDefinition.fingerprint` says of these parameters; null where a stage has none. */
  computes: JsonValue;
  params: JsonObject;
  /** SHA-256 of every external file, by the name that the stage gives it. */
  files: Record<string, string>;
}

/** One item of a gathered input: `missing` where its producer failed. */
export type Gathered<Source> = { label: NodeLabel; stage: string; artifact: string } & (Source | { missing: true });

/** An input by the key of its producer. */
export interface BySource {
  key: string;
}
/** An input by its content. */
export interface ByContent {
  sha256: string;
}

/** @returns the pre-image of the recipe key */
export function recipePreimage(
  work: Work,
  inputs: Record<string, InputRef>,
  gathers: Record<string, Gathered<BySource>[]>,
): JsonObject {
  return preimage(
    'swp-recipe',
    work,
    mapValues(inputs, ({ key, artifact }) => ({ key, artifact })),
    gathers,
  );
}

/** @returns the pre-image of the content key */
export function contentPreimage(
  work: Work,
  inputs: Record<string, ByContent>,
  gathers: Record<string, Gathered<ByContent>[]>,
): JsonObject {
  return preimage(
    'swp-content',
    work,
    mapValues(inputs, ({ sha256 }) => ({ sha256 })),
    gathers,
  );
}

function preimage(
  record: string,
  { stage, code, computes, params, files }: Work,
  inputs: JsonObject,
  gathers: Record<string, Gathered<object>[]>,
): JsonObject {
  const gathered = mapValues(gathers, (items) =>
    items.map((item) => ({ ...item, label: { ...item.label } })),
  ) as unknown as JsonObject;
  return { record, version: VERSION, stage, code, computes, params, files, inputs, gathers: gathered };
}

export function mapValues<From, To>(object: Record<string, From>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, map(value)]));
}

/** A vertex of the DAG: one stage with its parameters resolved. */
import type { JsonObject } from '../base/json.ts';
import type { NodeLabel, StageDefinition } from './stage.ts';

export interface InputRef {
  /** Recipe key of the producing node. */
  key: string;
  /** Name of the artifact consumed. */
  artifact: string;
}

export interface GatheredRef extends InputRef {
  label: NodeLabel;
  stage: string;
}

/** A file outside the cache that a node reads, as it was when the key was made. */
export interface ExternalFile {
  /** As the key names it. */
  name: string;
  /** Absolute. */
  path: string;
  /** SHA-256 of the content, hexadecimal. */
  sha256: string;
  /** By file-stamp.ts: as long as it is the same, the content is not read again. */
  stamp: string;
}

export interface PlannedNode {
  /** Recipe key: SHA-256, hex. */
  key: string;
  stage: StageDefinition;
  /** With defaults filled in; exactly what the stage's schema declares. */
  params: JsonObject;
  /** Single inputs by name. */
  inputs: Record<string, InputRef>;
  /** Gathered inputs by name (stages such as aggregate). */
  gathers: Record<string, GatheredRef[]>;
  files: ExternalFile[];
  /** Every place in the study that this node serves; equal keys are one node. */
  labels: NodeLabel[];
  /** What was hashed into the key. */
  preimage: JsonObject;
}

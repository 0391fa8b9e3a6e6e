/** A vertex of the DAG: one stage with its parameters resolved. */
import type { Failure } from '../base/failure.ts';
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
  /** SHA-256 of the content, hexadecimal; absent where its bytes stand in no key. */
  sha256?: string;
  /** By file-stamp.ts: as long as it is the same, the content is not read again. */
  stamp: string;
  /** Of a file that is known by its digest and not there: what to do about it. */
  absent?: string;
}

/** Why a node cannot run as things are. */
export interface Blockage {
  /** Key of the node that lacks something: the node itself, or one that it needs. */
  by: string;
  /** What that one lacks. */
  failure: Failure;
}

export interface PlannedNode {
  /** Recipe key: SHA-256, hex. Of a blocked node it only names the node: no record ever has it. */
  key: string;
  stage: StageDefinition;
  /**
   * With defaults filled in; exactly what the stage's schema declares. Some stand in the key by what they name
   * (`StageDefinition.inKey`): `preimage.params` has those.
   */
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
  /** Absent for a node that can run. */
  blocked?: Blockage;
}

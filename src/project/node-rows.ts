/** Types of what `--json` and the public API show of nodes. */
import type { Failure } from '../base/failure.ts';
import type { NodeState, Reason } from '../engine/event.ts';
import type { Metrics, NodeLabel } from '../engine/stage.ts';

/** A node as `--json` shows it. */
export interface NodeJson {
  key: string;
  stage: string;
  round: number;
  step: string;
  runs: { experiment: string; seed: number }[];
  state: NodeState;
  /** Why it is, or is not, to be run. */
  reason: Reason;
  /** Keys of the nodes that it consumes. */
  inputs: string[];
}

/** What nodes need and lack. */
export interface MissingInput {
  /** Of the first of the files, where several are missing in one folder. */
  failure: Failure;
  /** Names of further files that are missing in the same folder, for the same reason and with the same remedy. */
  alsoMissing: string[];
  /** The places of the study that ask for them. */
  places: NodeLabel[];
  /** How many nodes are blocked by it, those that need others among them. */
  nodes: number;
}

/** What one place of the study measured. */
export interface MetricsRow extends NodeLabel {
  stage: string;
  key: string;
  metrics: Metrics;
}

/** One metric of two experiments at the same seed, round and step. */
export interface MetricChange {
  seed: number;
  round: number;
  step: string;
  metric: string;
  a: Metrics[string];
  b: Metrics[string];
  /** b - a; null unless both are numbers. */
  change: number | null;
}

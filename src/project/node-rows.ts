/** Types of what `--json` and the public API show of nodes. */
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

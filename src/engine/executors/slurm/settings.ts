/**
 * What jobs ask Slurm for, with everything decided. It says where and with what nodes run and nothing about what they
 * compute, so none of it enters a key.
 */

/** Of the nodes of one stage. Made in one place, so equal settings are equal as JSON text, too. */
export interface SlurmSettings {
  partition?: string;
  account?: string;
  qos?: string;
  /** As Slurm writes it: `[days-]hours:minutes:seconds`, or `UNLIMITED`. The partition's own if absent. */
  time?: string;
  /** Such as `2`, `a100:1`, or `0` for none. If absent, one for the nodes that need one. */
  gpus?: string;
  cpus: number;
  /** MiB; 0 for all of a machine. The partition's own if absent. */
  memory?: number;
  constraint?: string;
  /** Lines of Bash before swp. */
  setup: string[];
  /** How many jobs with these settings run at a time. */
  concurrency?: number;
  /** Seconds before the time limit at which a job is told. */
  signal: number;
  /** Further options of sbatch, none of which swp sets itself. */
  options: string[];
}

/** What a job is: a run's nodes, one node, or about so much work. */
export type Bundling = 'run' | 'node' | { minutes: number };

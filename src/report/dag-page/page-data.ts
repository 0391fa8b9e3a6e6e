/** What the DAG page knows: written by page.ts, read by script.ts in the browser. */

/** A node as the page knows it. */
export interface PageNode {
  key: string;
  stage: string;
  step: string;
  round: number;
  /** E.g. `A1/s0`; none for a node of the whole study. */
  runs: string[];
  state: 'cached' | 'missing' | 'stale' | 'blocked' | 'failed';
  reason: string;
  inputs: string[];
  params: Record<string, unknown>;
  metrics: Record<string, unknown>;
  artifacts: string[];
}

export interface DagPage {
  study: string;
  profile: string;
  nodes: PageNode[];
}

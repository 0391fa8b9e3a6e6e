/** How good an estimate was, once the run is over. */
import type { HistoryEntry } from '../cache/run-history.ts';

export interface Accuracy {
  /** Seconds from the first node's start to the last one's end. */
  estimated: number;
  lower: number;
  upper: number;
  took: number;
  /** took / estimated. */
  ratio: number;
  /** Seconds of all nodes of a stage, one after the other; `estimated` is null where nothing had been measured. */
  stages: {
    stage: string;
    nodes: { estimated: number; ran: number };
    estimated: number | null;
    took: number;
    ratio: number | null;
  }[];
}

/**
 * @returns undefined for a run without an estimate, or one that did not do what was estimated: stopped, or with
 * failures
 */
export function accuracyOf({ estimate, seconds: took, nodes, counts, stopped }: HistoryEntry): Accuracy | undefined {
  if (estimate === undefined || stopped !== undefined || counts.failed > 0 || !(estimate.seconds.estimate > 0))
    return undefined;
  const { estimate: estimated, lower, upper } = estimate.seconds;
  const stages = mergedByStage(estimate.stages).map(({ stage, nodes: expected, seconds }) => {
    const ran = nodes.filter((node) => node.stage === stage);
    const total = ran.reduce((sum, node) => sum + node.seconds, 0);
    return {
      stage,
      nodes: { estimated: expected, ran: ran.length },
      estimated: seconds,
      took: total,
      ratio: seconds !== null && seconds > 0 ? total / seconds : null,
    };
  });
  return { estimated, lower, upper, took, ratio: took / estimated, stages };
}

/** A stage may do several kinds of work. */
function mergedByStage(
  stages: readonly { stage: string; nodes: number; seconds: number | null }[],
): { stage: string; nodes: number; seconds: number | null }[] {
  const merged = new Map<string, { stage: string; nodes: number; seconds: number | null }>();
  for (const { stage, nodes, seconds } of stages) {
    const before = merged.get(stage);
    merged.set(stage, {
      stage,
      nodes: nodes + (before?.nodes ?? 0),
      seconds: seconds === null || before?.seconds === null ? null : seconds + (before?.seconds ?? 0),
    });
  }
  return [...merged.values()];
}

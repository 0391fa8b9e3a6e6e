/** Which nodes have most work behind them: a run starts those first, and an estimate plays the run through likewise. */
import { topologicalSort } from 'graphology-dag';

/**
 * @param dag edges lead from producers to consumers
 * @param cost of a node alone
 * @returns by key, the cost of the most costly way from a node, itself included, to the end of the DAG
 */
export function longestWays(
  dag: Parameters<typeof topologicalSort>[0],
  cost: (key: string) => number,
): Map<string, number> {
  const ways = new Map<string, number>();
  for (const key of topologicalSort(dag).reverse()) {
    let behind = 0;
    dag.forEachOutNeighbor(key, (consumer) => void (behind = Math.max(behind, ways.get(consumer)!)));
    ways.set(key, cost(key) + behind);
  }
  return ways;
}

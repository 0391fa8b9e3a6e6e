/** The standard DAG, report included, with one arm and next to no work in it. */
import { writtenOutStudy } from './written-out.ts';

export async function smallestStudy(seeds: number[] = [0]): Promise<Record<string, unknown>> {
  const { dag, name } = await writtenOutStudy();
  return {
    name,
    dag,
    defaults: {
      rounds: 1,
      finalTrain: false,
      seeds,
      params: {
        train: { steps: 3, batchSize: 2 },
        eval: { sequences: 16, batchSize: 16 },
        'detect-sw': { candidateSequences: 4, causalSequences: 8, batchSize: 8, controlsPerKind: 1, rescans: 0 },
        prune: { fraction: 0.1 },
      },
    },
    experiments: { A1: {} },
  };
}

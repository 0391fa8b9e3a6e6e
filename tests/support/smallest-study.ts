/** The project's own DAG, report included, with one arm and next to no work in it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.ts';

export async function smallestStudy(seeds: number[] = [0]): Promise<Record<string, unknown>> {
  const { dag, name } = JSON.parse(await readFile(join(packageRoot, 'pipeline.json'), 'utf8')) as Record<
    string,
    unknown
  >;
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

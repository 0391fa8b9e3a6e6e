/** A DAG of one node of the stage `deeds`, as a test and a job of Slurm both make it. */
import { join } from 'node:path';
import type { JsonObject } from '../../src/base/json.ts';
import { DagBuilder, type Dag } from '../../src/engine/dag-builder.ts';
import { StageLoader } from '../../src/engine/stage-loader.ts';

export function deedLoader(directory: string): StageLoader {
  return new StageLoader({ modules: join(directory, 'stages'), fingerprints: { deeds: 'deeds-1' } });
}

export async function deedDag(directory: string, params: JsonObject): Promise<{ dag: Dag; key: string }> {
  const builder = new DagBuilder({ loader: deedLoader(directory), root: directory });
  const label = { experiment: 'A', seed: 0, round: 0, step: 'step' };
  const key = await builder.add({ stage: 'deeds', params, inputs: {}, gathers: {}, label });
  return { dag: builder.dag, key };
}

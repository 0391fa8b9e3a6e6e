/**
 * Runs nodes again without publishing anything, and compares what they make with what is recorded: bit for bit where the
 * record was made on the same kind of machine with the same versions, within a tolerance elsewhere.
 */
import { rmSync } from 'node:fs';
import type { Cache } from '../cache/cache.ts';
import { digestFile } from '../cache/artifact-store.ts';
import type { CacheRecord } from '../cache/record.ts';
import { producersOf } from '../engine/dag-builder.ts';
import { collectEnvironment } from '../engine/environment.ts';
import { SwpError } from '../engine/failure.ts';
import type { JsonObject } from '../engine/json.ts';
import type { Plan, PlannedState } from '../engine/plan.ts';
import { prepareJob } from '../engine/run-stage.ts';
import type { StageLoader } from '../engine/stage-loader.ts';
import { WorkerPool } from '../engine/worker-pool.ts';
import { relativeDifference } from './relative-difference.ts';

export interface Recomputed {
  planned: PlannedState;
  /** `close`: other bits, within the tolerance, on another machine or version. */
  verdict: 'same' | 'close' | 'different' | 'skipped';
  detail?: string;
}

/** What bits depend on besides the key. */
const ENVIRONMENT = ['cpu', 'arch', 'platform', 'node', 'onnxruntime'] as const;

/**
 * @param tolerance largest relative difference (L2) of a tensor, or relative difference of a number
 * @param tell is given each result as it comes: a training takes its time
 */
export async function recomputeNodes(
  project: { cache: Cache; stages: StageLoader; study: { root: string } },
  plan: Plan,
  nodes: readonly PlannedState[],
  tolerance: number,
  tell: (result: Recomputed) => void,
): Promise<Recomputed[]> {
  const here = await collectEnvironment(project.study.root);
  const pool = new WorkerPool(1);
  const results: Recomputed[] = [];
  try {
    for (const planned of nodes) {
      const result = await recompute(planned, plan, project, pool, here, tolerance);
      results.push(result);
      tell(result);
    }
  } finally {
    await pool.close();
    await project.cache.scratch.clear();
  }
  return results;
}

async function recompute(planned: PlannedState, plan: Plan, { cache, stages }: { cache: Cache; stages: StageLoader }, pool: WorkerPool, here: JsonObject, tolerance: number): Promise<Recomputed> {
  const { node, record } = planned;
  if (planned.state !== 'cached' || record === undefined) return { planned, verdict: 'skipped', detail: 'it has no result to compare with' };
  const recordOf = (key: string) => plan.nodes.get(key)?.record;
  for (const { key, artifact } of producersOf(node)) {
    const made = recordOf(key)?.artifacts[artifact];
    if (made !== undefined && !cache.hasArtifact(made)) return { planned, verdict: 'skipped', detail: `its input "${artifact}" was evicted` };
  }
  const outputs = await cache.scratch.node();
  try {
    const job = await prepareJob(node, outputs, recordOf, { cache, stages });
    const outcome = await pool.run(job, () => {}, { output: () => {}, progress: () => {} });
    if (outcome.kind !== 'done') return { planned, verdict: 'different', detail: outcome.kind === 'error' ? `it failed: ${outcome.message}` : 'its process ended without an answer' };
    return { planned, ...(await compare(record, job.outputs, cache, differsFrom(record, here), tolerance)) };
  } catch (error) {
    if (!(error instanceof SwpError)) throw error;
    return { planned, verdict: 'skipped', detail: error.message };
  } finally {
    rmSync(outputs, { recursive: true, force: true });
  }
}

/** The parts of the environment that are others than when the record was made. */
function differsFrom({ environment }: CacheRecord, here: JsonObject): string[] {
  return ENVIRONMENT.filter((name) => environment[name] !== here[name]);
}

async function compare(record: CacheRecord, outputs: Record<string, string>, cache: Cache, elsewhere: string[], tolerance: number): Promise<Omit<Recomputed, 'planned'>> {
  const different: string[] = [];
  let worst = 0;
  for (const [name, path] of Object.entries(outputs)) {
    const before = record.artifacts[name];
    if (before === undefined || (await digestFile(path)).sha256 === before.sha256) continue;
    different.push(name);
    if (cache.hasArtifact(before)) worst = Math.max(worst, await relativeDifference(cache.artifactPath(before), path));
    else worst = Infinity; // evicted: there is nothing to measure the distance from
  }
  if (different.length === 0) return { verdict: 'same' };
  const measured = Number.isFinite(worst) ? `largest relative difference ${worst.toExponential(1)}` : 'they cannot be compared value by value';
  const detail = `${different.join(', ')}: ${measured}${elsewhere.length > 0 ? `; made with another ${elsewhere.join(', ')}` : ''}`;
  return { verdict: elsewhere.length > 0 && worst <= tolerance ? 'close' : 'different', detail };
}

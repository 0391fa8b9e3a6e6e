/**
 * Runs nodes again without publishing anything, and compares what they make with what is recorded: bit for bit where
 * the record was made on the same kind of machine with the same versions, within a tolerance elsewhere.
 */
import { rmSync } from 'node:fs';
import type { Cache } from '../cache/cache.ts';
import { readVirtualFile } from '../base/virtual-file.ts';
import { digestFile } from '../base/digest.ts';
import type { CacheRecord, RecordedArtifact } from '../cache/record.ts';
import { producersOf } from '../engine/dag-builder.ts';
import { SwpError } from '../base/failure.ts';
import { isJsonObject, type JsonObject } from '../base/json.ts';
import type { Plan, PlannedState } from '../engine/plan.ts';
import { execute, resourcesOf, type Executor, type Slot } from '../engine/executor.ts';
import { prepareJob, verifiedArtifacts } from '../engine/prepare-job.ts';
import { placeOf, type Metrics } from '../engine/stage.ts';
import type { StageLoader } from '../engine/stage-loader.ts';
import { relativeDifference } from './relative-difference.ts';

export interface Recomputed {
  planned: PlannedState;
  /** `close`: other bits, within the tolerance, on another machine or version. */
  verdict: 'same' | 'close' | 'different' | 'skipped';
  detail?: string;
  /** Of `different`: it came to no end, so nothing is known against what is recorded. */
  failed?: true;
}

/** Metrics of swp's stages that measure time: they differ from run to run. */
const TIMES = ['transferShare'];

/** What bits depend on besides the key. */
const ENVIRONMENT = ['cpu', 'arch', 'platform', 'node', 'onnxruntime'] as const;

export interface RecomputeOptions {
  executor: Executor<Slot>;
  /** Of nodes that run now, as records keep it. */
  environment: JsonObject;
  /** Largest relative difference (L2) of a tensor, or relative difference of a number. */
  tolerance: number;
}

/** @param tell is given each result as it comes: a training takes its time */
export async function recomputeNodes(
  project: { cache: Cache; stages: StageLoader },
  plan: Plan,
  nodes: readonly PlannedState[],
  options: RecomputeOptions,
  tell: (result: Recomputed) => void,
): Promise<Recomputed[]> {
  const results: Recomputed[] = [];
  try {
    for (const planned of nodes) {
      const result = await recompute(planned, plan, project, options);
      results.push(result);
      tell(result);
    }
  } finally {
    await project.cache.scratch.clear();
  }
  return results;
}

async function recompute(
  planned: PlannedState,
  plan: Plan,
  { cache, stages }: { cache: Cache; stages: StageLoader },
  { executor, environment, tolerance }: RecomputeOptions,
): Promise<Recomputed> {
  const { node, record } = planned;
  if (planned.state !== 'cached' || record === undefined)
    return { planned, verdict: 'skipped', detail: 'it has no result to compare with' };
  const recordOf = (key: string) => plan.nodes.get(key)?.record;
  for (const { key, artifact } of producersOf(node)) {
    const made = recordOf(key)?.artifacts[artifact];
    if (made !== undefined && !cache.hasArtifact(made))
      return { planned, verdict: 'skipped', detail: `its input "${artifact}" was evicted` };
  }
  const outputs = await cache.temporaryFolder();
  try {
    const job = await prepareJob(node, outputs, stages, verifiedArtifacts(cache, recordOf));
    const outcome = await execute(executor, { place: placeOf(node.labels[0]!), resources: resourcesOf(node) }, job);
    if (outcome.kind !== 'done')
      return {
        planned,
        verdict: 'different',
        failed: true,
        detail: 'message' in outcome ? `it failed: ${outcome.message}` : 'its process ended without an answer',
      };
    const made = { outputs: job.outputs, metrics: outcome.metrics };
    return { planned, ...(await compare(record, made, cache, differsFrom(record, environment), tolerance)) };
  } catch (error) {
    if (!(error instanceof SwpError)) throw error;
    return { planned, verdict: 'skipped', detail: error.message };
  } finally {
    rmSync(outputs, { recursive: true, force: true });
  }
}

/**
 * The parts of the environment on which bits depend that are others than when the record was made; none of what the
 * exact engine has made, whose bits depend on none.
 */
export function differsFrom(
  { environment, preimage }: Pick<CacheRecord, 'environment' | 'preimage'>,
  here: JsonObject,
): string[] {
  if (isJsonObject(preimage.params) && preimage.params.engine === 'exact') return [];
  return ENVIRONMENT.filter((name) => environment[name] !== here[name]);
}

async function compare(
  record: CacheRecord,
  { outputs, metrics }: { outputs: Record<string, string>; metrics: Metrics },
  cache: Cache,
  elsewhere: string[],
  tolerance: number,
): Promise<Omit<Recomputed, 'planned'>> {
  const made = await Promise.all(
    Object.entries(outputs).map(
      async ([name, path]) =>
        [name, { path, sha256: ((await readVirtualFile(path)) ?? (await digestFile(path))).sha256 }] as const,
    ),
  );
  const compared = await compareResults(
    record,
    (artifact) => wholeArtifact(cache, artifact),
    { artifacts: Object.fromEntries(made), metrics },
    elsewhere,
    tolerance,
  );
  if (compared.verdict === 'unknown') return { verdict: 'different', detail: compared.detail! };
  return compared as Omit<Recomputed, 'planned'>;
}

/** Path of an artifact's file to measure a distance from; undefined if it is not there, or is damaged. */
export async function wholeArtifact(cache: Cache, artifact: RecordedArtifact): Promise<string | undefined> {
  if (!cache.hasFile(artifact)) return undefined;
  try {
    await cache.verify(artifact);
    return cache.artifactPath(artifact);
  } catch (error) {
    if (error instanceof SwpError) return undefined;
    throw error;
  }
}

export interface Compared {
  /**
   * `unknown`: other bits, on another machine or version, and the earlier ones are not there to measure the distance
   * from.
   */
  verdict: 'same' | 'close' | 'different' | 'unknown';
  detail?: string;
}

/** From the best to the worst. */
const VERDICTS = ['same', 'close', 'unknown', 'different'] as const satisfies readonly Compared['verdict'][];

/**
 * Compares what a node made twice, artifact by artifact and metric by metric.
 * @param pathOf an earlier artifact's file; undefined if it is not there, as `path` of a later one is
 * @param elsewhere parts of the environment that were others; none where bits must be the same
 * @param tolerance largest relative difference (L2) of a tensor, or relative difference of a number, of `close`
 */
export async function compareResults<Artifact extends { sha256: string }>(
  before: { artifacts: Readonly<Record<string, Artifact>>; metrics: Metrics },
  pathOf: (artifact: Artifact) => Promise<string | undefined>,
  after: { artifacts: Readonly<Record<string, { path: string | undefined; sha256: string }>>; metrics: Metrics },
  elsewhere: readonly string[],
  tolerance: number,
): Promise<Compared> {
  const both = [
    await compareArtifacts(before.artifacts, pathOf, after.artifacts, elsewhere, tolerance),
    compareMetrics(before.metrics, after.metrics, elsewhere, tolerance),
  ];
  const details = both.flatMap(({ detail }) => (detail === undefined ? [] : [detail]));
  const verdict = VERDICTS.findLast((each) => both.some((compared) => compared.verdict === each))!;
  if (details.length === 0) return { verdict };
  const other = elsewhere.length > 0 ? `; made with another ${elsewhere.join(', ')}` : '';
  return { verdict, detail: details.join('; ') + other };
}

async function compareArtifacts<Artifact extends { sha256: string }>(
  before: Readonly<Record<string, Artifact>>,
  pathOf: (artifact: Artifact) => Promise<string | undefined>,
  after: Readonly<Record<string, { path: string | undefined; sha256: string }>>,
  elsewhere: readonly string[],
  tolerance: number,
): Promise<Compared> {
  const different = Object.keys(after).filter(
    (name) => before[name] !== undefined && before[name].sha256 !== after[name]!.sha256,
  );
  if (different.length === 0) return { verdict: 'same' };
  let worst = 0;
  let absent = 0;
  for (const name of different) {
    const [earlier, later] = [await pathOf(before[name]!), after[name]!.path];
    if (earlier === undefined || later === undefined) absent++;
    else worst = Math.max(worst, await relativeDifference(earlier, later));
  }
  const measured =
    absent === different.length || !Number.isFinite(worst)
      ? 'they cannot be compared value by value'
      : `largest relative difference ${worst.toExponential(1)}`;
  const detail = `${different.join(', ')}: ${measured}`;
  if (elsewhere.length === 0 || worst > tolerance) return { verdict: 'different', detail };
  return { verdict: absent > 0 ? 'unknown' : 'close', detail };
}

/** What a metric says must follow from what was computed; what measures time is left out of it. */
function compareMetrics(before: Metrics, after: Metrics, elsewhere: readonly string[], tolerance: number): Compared {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => !TIMES.includes(name));
  const different = names.filter((name) => before[name] !== after[name]);
  if (different.length === 0) return { verdict: 'same' };
  const isClose = different.every((name) => distance(before[name], after[name]) <= tolerance);
  const shown = different.map((name) => `${name} was ${valueText(before[name])}, and is ${valueText(after[name])}`);
  return {
    verdict: elsewhere.length > 0 && isClose ? 'close' : 'different',
    detail: `metrics: ${shown.join(', ')}`,
  };
}

function distance(a: Metrics[string] | undefined, b: Metrics[string] | undefined): number {
  if (typeof a !== 'number' || typeof b !== 'number') return Infinity;
  return Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
}

function valueText(value: Metrics[string] | undefined): string {
  return value === undefined ? 'not there' : JSON.stringify(value);
}

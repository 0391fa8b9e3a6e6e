/**
 * Estimates a run of a study in a cache: brings together what there is to do and what is known of how long it takes.
 */
import type { KeptArtifacts } from '../engine/run-eviction.ts';
import { dirname, join } from 'node:path';
import { usableCpus } from '../base/usable-cpus.ts';
import type { Failure } from '../base/failure.ts';
import type { Cache } from '../cache/cache.ts';
import { studyFolder, type StudyState } from '../cache/study-state.ts';
import { processorModel } from '../engine/environment.ts';
import { wholeRecord } from '../engine/existing-result.ts';
import { KeyedParams } from '../engine/keyed-params.ts';
import type { Executor, Slot } from '../engine/executor.ts';
import type { Wanted } from '../engine/needed-nodes.ts';
import type { Plan } from '../engine/plan.ts';
import type { StageLoader } from '../engine/stage-loader.ts';
import { Calibration, MOST_WORKERS, keepCalibration, readCalibration, type Sampled } from './calibration.ts';
import { estimateRun, unmeasured, type Estimate } from './estimate.ts';
import { Measurements } from './measurements.ts';
import { workloadOf, type Task, type Workload } from './workload.ts';

export interface EstimatedProject {
  study: { path: string; keep: KeptArtifacts };
  cache: Cache;
  state: StudyState;
  stages: StageLoader;
}

export interface StudyEstimateOptions extends Wanted {
  jobs: number;
  /** Measure on this machine: what no record tells (`lacking`), all of it, or nothing. */
  calibrate: 'lacking' | 'all' | 'never';
  /** As if nothing were in the cache. */
  fresh?: boolean;
  /** Which large artifacts stay; as the study says if absent. */
  keep?: KeptArtifacts | undefined;
  /** Opens an executor of so many jobs at a time, if there is something to measure; without it, nothing is. */
  openExecutor?(jobs: number): Executor<Slot>;
  /** Whether what was measured is kept in the cache, which is then made if it is not there; true if absent. */
  keeps?: boolean;
  /** Told before a calibration begins: the stages. */
  onCalibration?(stages: string[]): void;
}

/** What there is to do, and what is known of how long it takes: estimates and the time left rest on it. */
export interface Forecast {
  workload: Workload;
  measurements: Measurements;
  /** What calibrations found, by kind of work. */
  samples: Record<string, Sampled>;
}

/**
 * Reads records of this cache; changes nothing.
 * @param options.fresh as if nothing were in the cache
 * @throws SwpError of kind `file` if the cache cannot be read
 */
export async function forecastRun(
  { study, cache, state }: Pick<EstimatedProject, 'study' | 'cache' | 'state'>,
  plan: Plan,
  { fresh = false, ...wanted }: Wanted & { fresh?: boolean },
): Promise<Forecast> {
  const workload = await workloadOf(plan, {
    wanted,
    cache,
    root: dirname(study.path),
    countingRecord: (key) => wholeRecord(key, { cache, study: state }),
    fresh,
  });
  const groups = new Set(workload.tasks.map(({ group }) => group));
  const stages = new Map(workload.tasks.map(({ planned }) => [planned.node.stage.name, planned.node.stage]));
  const measurements = new Measurements(processorModel(), stages, {
    root: dirname(study.path),
    keyed: new KeyedParams([...plan.nodes.values()].map(({ node }) => node)),
  });
  const records = [...plan.nodes.values()].flatMap(({ record, node }) =>
    record !== undefined && stages.has(node.stage.name) ? [record] : [],
  );
  await measurements.read(records, cache, groups);
  return { workload, measurements, samples: readCalibration(calibrationNote(cache, study.path), processorModel()) };
}

/**
 * Changes nothing in the cache but the note of what a calibration found.
 * @param known a forecast of the same run, if there is one already
 */
export async function estimateStudy(
  project: EstimatedProject,
  plan: Plan,
  {
    jobs,
    calibrate,
    fresh = false,
    keeps = true,
    keep = project.study.keep,
    openExecutor,
    onCalibration = () => {},
    ...wanted
  }: StudyEstimateOptions,
  known?: Forecast,
): Promise<Estimate> {
  const { workload, measurements, samples } = known ?? (await forecastRun(project, plan, { ...wanted, fresh }));
  const failures = new Map<string, Failure>();
  if (calibrate !== 'never' && openExecutor !== undefined) {
    const tasks =
      calibrate === 'all'
        ? new Map(workload.tasks.map((task) => [task.group, task]))
        : unmeasured(workload, { measurements, samples });
    const taken = await takeSamples(project, plan, tasks, { jobs, openExecutor, onCalibration, failures });
    Object.assign(samples, taken);
    const note = calibrationNote(project.cache, project.study.path);
    if (keeps && Object.keys(taken).length > 0)
      await keepCalibration(note, { cpu: processorModel(), samples }, project.cache);
  }
  return estimateRun(plan, workload, {
    jobs,
    root: project.stages.root,
    keep,
    cpus: usableCpus(),
    measurements,
    samples,
    failures,
    preferSamples: calibrate === 'all',
  });
}

function calibrationNote(cache: Cache, pipeline: string): string {
  return join(studyFolder(cache.directory, pipeline), 'calibration.json');
}

async function takeSamples(
  project: EstimatedProject,
  plan: Plan,
  tasks: ReadonlyMap<string, Task>,
  {
    jobs,
    openExecutor,
    onCalibration,
    failures,
  }: Required<Pick<StudyEstimateOptions, 'jobs' | 'openExecutor' | 'onCalibration'>> & {
    failures: Map<string, Failure>;
  },
): Promise<Record<string, Sampled>> {
  const samples: Record<string, Sampled> = {};
  if (tasks.size === 0) return samples;
  onCalibration([...new Set([...tasks.values()].map(({ planned }) => planned.node.stage.name))]);
  const workers = Math.min(jobs, usableCpus(), MOST_WORKERS);
  const executor = openExecutor(workers);
  const calibration = new Calibration(project, plan, executor, workers);
  try {
    for (const [group, task] of tasks) {
      const sampled = await calibration.sample(task);
      if (sampled !== undefined) samples[group] = sampled;
    }
    for (const [group, failure] of calibration.failures) failures.set(group, failure);
  } finally {
    await executor.close();
    await project.cache.scratch.clear();
  }
  return samples;
}

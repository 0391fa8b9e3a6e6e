/** What a run will take, and how good earlier estimates were. */
import { SwpError } from '../base/failure.ts';
import { readHistory, type HistoryEntry, type HistoryEstimate } from '../cache/run-history.ts';
import { studyFolder } from '../cache/study-state.ts';
import { usableCpus } from '../base/usable-cpus.ts';
import { accuracyOf, type Accuracy } from '../estimate/accuracy.ts';
import type { Estimate } from '../estimate/estimate.ts';
import { quantile } from '../estimate/rate.ts';
import { estimateStudy, type Forecast, type StudyEstimateOptions } from '../estimate/study-estimate.ts';
import { localExecutor } from './local-executor.ts';
import { locate, type ProjectOptions } from './location.ts';
import type { PlannedRun } from './planned-run.ts';
import type { Project } from './project.ts';

/** What swp itself takes is told by so many runs of the profile. */
const RECENT_RUNS = 20;

export interface EstimateSettings extends Pick<StudyEstimateOptions, 'fresh' | 'keep' | 'keeps' | 'onCalibration'> {
  jobs?: number | undefined;
  /** Measure on this machine what no record tells, or all of it. */
  calibrate: 'lacking' | 'all';
  /** Of a GPU to convert to: TFLOP/s that it sustains. */
  gpuTflops?: number | undefined;
}

export interface ProjectEstimate extends Estimate {
  gpu: { tflops: number; hours: number } | null;
  /** What swp itself and the report took around the nodes, by the last runs of this profile; null if none told. */
  secondsAround: number | null;
}

/** Changes nothing in the cache but the note of what a calibration found. */
export async function estimateProject(
  project: Project,
  { plan, wanted }: PlannedRun,
  { jobs = usableCpus(), gpuTflops, ...settings }: EstimateSettings,
): Promise<ProjectEstimate> {
  const estimated = await estimateStudy(project, plan, {
    ...wanted,
    ...settings,
    jobs,
    openExecutor: (atATime) => localExecutor({ jobs: atATime }),
  });
  return {
    ...estimated,
    gpu: gpuTflops === undefined ? null : { tflops: gpuTflops, hours: estimated.flops / (gpuTflops * 1e12) / 3600 },
    secondsAround: secondsAround(project),
  };
}

function secondsAround({ cache, study }: Project): number | null {
  const runs = readHistory(studyFolder(cache.directory, study.path), RECENT_RUNS).filter(
    ({ profile, waited, stopped }) => profile === study.profile.name && waited !== undefined && stopped === undefined,
  );
  if (runs.length === 0) return null;
  return quantile(
    runs.map(({ waited, seconds }) => waited! - seconds),
    0.5,
  );
}

/** What the nodes will take, by what was measured before; undefined if nothing was, or if nothing is to run. */
export async function expectedDuration(
  project: Project,
  { plan, wanted }: PlannedRun,
  jobs: number,
  forecast: Forecast,
): Promise<HistoryEstimate | undefined> {
  const options = { ...wanted, jobs, calibrate: 'never' } as const;
  const { seconds, stages, unknown } = await estimateStudy(project, plan, options, forecast);
  if (stages.length === 0 || unknown.length === new Set(stages.map(({ stage }) => stage)).size) return undefined;
  return {
    seconds,
    jobs,
    stages: stages.map(({ stage, nodes, seconds }) => ({ stage, nodes, seconds: seconds?.estimate ?? null })),
  };
}

export interface EstimatedRun extends Pick<HistoryEntry, 'startedAt' | 'profile' | 'selectors'> {
  accuracy: Accuracy;
}

/**
 * Runs that began with an estimate and came to their end, the newest first.
 * @throws SwpError of kind `usage` if there is none
 */
export function estimatedRuns(options: ProjectOptions): EstimatedRun[] {
  const { path, profile, cache } = locate(options);
  const runs = readHistory(studyFolder(cache, path)).filter((run) => profile === undefined || run.profile === profile);
  const compared = runs.flatMap((run) => {
    const accuracy = accuracyOf(run);
    return accuracy === undefined
      ? []
      : [{ startedAt: run.startedAt, profile: run.profile, selectors: run.selectors, accuracy }];
  });
  if (compared.length === 0)
    throw new SwpError({
      kind: 'usage',
      message: 'No run of this study began with an estimate and came to its end.',
      expected: '`swp repro` with something to do, after `swp estimate` or an earlier run',
    });
  return compared;
}

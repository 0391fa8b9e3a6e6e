/**
 * What a run will cost: nodes, training steps, floating-point operations, hours, disk. Every time rests on nodes that
 * were timed, in this cache or just now on this machine, and says on how many; what was never measured is reported as
 * unknown.
 */
import type { Failure } from '../base/failure.ts';
import type { KeptArtifacts } from '../engine/run-eviction.ts';
import type { Plan } from '../engine/plan.ts';
import type { StageDefinition } from '../engine/stage.ts';
import type { Sampled } from './calibration.ts';
import { cachePeak, type NodeSizes } from './cache-peak.ts';
import { makespan, type Job } from './makespan.ts';
import { sizesOf, type Measured, type Measurements } from './measurements.ts';
import { addTo } from '../base/groups.ts';
import { fitRate, quantile, secondsOf, type Rate } from './rate.ts';
import type { Task, Workload } from './workload.ts';

/** Seconds; from the 10th to the 90th percentile of what measured nodes took. */
export interface SecondsRange {
  estimate: number;
  lower: number;
  upper: number;
}

/** Where a time comes from. `failure`: why the calibration could not measure. */
export type Source =
  { kind: 'records'; n: number } | { kind: 'calibration'; n: number } | { kind: 'unknown'; failure?: Failure };

/** One kind of work of one stage. */
export interface StageEstimate {
  stage: string;
  nodes: number;
  /** What `units` counts. */
  unit: string;
  /** To do in this run. */
  units: number;
  /** If no two places of the study shared anything. */
  asked: number;
  /** Done already, by earlier stops and checkpoints in the cache. */
  resumed: number;
  /** Null where the stage does not count them. */
  flops: number | null;
  /** Of all its nodes one after the other; null where nothing was measured. */
  seconds: SecondsRange | null;
  source: Source;
  /** Bytes of memory that one of its nodes takes at most; null where the stage does not say. */
  memory: number | null;
  /** Bytes; null where nothing was measured. */
  disk: { evictable: number; kept: number } | null;
}

export interface Estimate {
  version: 1;
  /** Nodes at a time. */
  jobs: number;
  /** CPUs that there are for them: more nodes at a time than these make none faster. */
  cpus: number;
  /** `blocked`: those that cannot run, if there are any; they are in none of the other numbers. */
  nodes: { total: number; toRun: number; blocked?: number };
  stages: StageEstimate[];
  /** Of the stages that count them; 0 if none does. */
  flops: number;
  /** From the first node's start to the last one's end; stages without a time are left out. */
  seconds: SecondsRange;
  /** Stages of which no time is known. */
  unknown: string[];
  /** Bytes; `peak`: at one time, with what the run evicts as it goes. */
  disk: { evictable: number; kept: number; peak: number };
}

/** What is known of one kind of work. */
interface Known {
  rate: Rate;
  warmUp: number;
  source: Exclude<Source, { kind: 'unknown' }>;
  sizes: NodeSizes;
}

const NOTHING: NodeSizes = { kept: 0, evictable: 0, resuming: 0 };

/** With fewer timed nodes than these, a calibration is used instead. */
const FEW = 3;

export interface EstimateOptions {
  jobs: number;
  /** The project's root. */
  root: string;
  /** What the run does not evict as it goes. */
  keep: KeptArtifacts;
  cpus: number;
  measurements: Measurements;
  /** By kind of work. */
  samples: Record<string, Sampled>;
  /** Why kinds of work could not be measured. */
  failures?: ReadonlyMap<string, Failure>;
  /** Use the calibration where there are records, too. */
  preferSamples?: boolean;
}

/** The kinds of work of which too little is known, each with a task that stands for it. */
export function unmeasured(
  { tasks }: Workload,
  { measurements, samples }: Pick<EstimateOptions, 'measurements' | 'samples'>,
): Map<string, Task> {
  const lacking = tasks.filter(
    ({ group, planned }) =>
      Object.keys(planned.node.gathers).length === 0 &&
      (measurements.of(group)?.warm.length ?? 0) < FEW &&
      samples[group] === undefined,
  );
  return new Map(lacking.map((task) => [task.group, task]));
}

export async function estimateRun(plan: Plan, workload: Workload, options: EstimateOptions): Promise<Estimate> {
  const { tasks, waitsFor, total, blocked } = workload;
  const known = new Map<string, Known | undefined>();
  for (const { group, planned } of tasks)
    if (!known.has(group))
      known.set(
        group,
        knownOf(
          planned.node.stage,
          options.measurements.of(group),
          options.samples[group],
          options.preferSamples ?? false,
        ),
      );
  const groups = new Map(tasks.map(({ planned, group }) => [planned.node.key, group]));
  const stages = await stageEstimates(tasks, known, options);
  const wallAt = (share: (rate: Rate) => number) =>
    makespan(
      tasks.map((task): Job => {
        const of = known.get(task.group);
        const factor = of === undefined ? 0 : share(of.rate);
        return {
          key: task.planned.node.key,
          waitsFor: waitsFor.get(task.planned.node.key)!,
          group: task.group,
          seconds: of === undefined ? 0 : factor * secondsOf(of.rate, task.units),
          warmUp: factor * (of?.warmUp ?? 0),
        };
      }),
      Math.min(options.jobs, options.cpus),
    ).wall;
  return {
    version: 1,
    jobs: options.jobs,
    cpus: options.cpus,
    nodes: { total, toRun: tasks.length, ...(blocked > 0 && { blocked }) },
    stages,
    flops: sum(stages.map(({ flops }) => flops ?? 0)),
    seconds: {
      estimate: wallAt(() => 1),
      lower: wallAt(({ spread }) => spread.lower),
      upper: wallAt(({ spread }) => spread.upper),
    },
    unknown: [...new Set(stages.filter(({ seconds }) => seconds === null).map(({ stage }) => stage))],
    disk: {
      evictable: sum(stages.map(({ disk }) => disk?.evictable ?? 0)),
      kept: sum(stages.map(({ disk }) => disk?.kept ?? 0)),
      peak: cachePeak(
        tasks.map(({ planned }) => planned.node),
        ({ key }) => known.get(groups.get(key)!)?.sizes ?? NOTHING,
        options.keep,
      ),
    },
  };
}

async function stageEstimates(
  tasks: readonly Task[],
  known: ReadonlyMap<string, Known | undefined>,
  { jobs, root, failures }: EstimateOptions,
): Promise<StageEstimate[]> {
  const groups = new Map<string, Task[]>();
  for (const task of tasks) addTo(groups, task.group, task);
  const estimates: StageEstimate[] = [];
  for (const [group, members] of groups) {
    const openings = Math.min(members.length, jobs); // every worker loads once what it runs
    const { planned, work } = members[0]!;
    const of = known.get(group);
    const stage = planned.node.stage.name;
    const failure = failures?.get(group);
    const seconds =
      of === undefined ? null : sum(members.map(({ units }) => secondsOf(of.rate, units))) + openings * of.warmUp;
    const range =
      of === undefined || seconds === null
        ? null
        : { estimate: seconds, lower: seconds * of.rate.spread.lower, upper: seconds * of.rate.spread.upper };
    estimates.push({
      stage,
      nodes: members.length,
      unit: work.unit,
      units: Math.round(sum(members.map(({ units }) => units))),
      asked: sum(members.map(({ planned, work }) => planned.node.labels.length * work.count)),
      resumed: Math.round(sum(members.map(({ resumed }) => resumed))),
      flops: await flopsOf(members),
      seconds: range,
      source: of?.source ?? { kind: 'unknown', ...(failure !== undefined && { failure }) },
      memory: await memoryOf(members, root),
      disk:
        of === undefined
          ? null
          : { evictable: members.length * of.sizes.evictable, kept: members.length * of.sizes.kept },
    });
  }
  return estimates;
}

async function memoryOf(members: readonly Task[], root: string): Promise<number | null> {
  const { stage, params } = members[0]!.planned.node; // alike in what takes memory
  return (await stage.memory?.(params, root)) ?? null;
}

async function flopsOf(members: readonly Task[]): Promise<number | null> {
  let total: number | null = null;
  for (const { work, units } of members)
    if (work.flops !== undefined && work.count > 0) total = (total ?? 0) + (await work.flops()) * (units / work.count);
  return total;
}

function knownOf(
  stage: StageDefinition,
  measured: Measured | undefined,
  sample: Sampled | undefined,
  preferSamples: boolean,
): Known | undefined {
  const found = rateOf(measured, sample, preferSamples);
  if (found === undefined) return undefined;
  const sizes =
    found.source.kind === 'records'
      ? measured!
      : {
          bytes: new Map(Object.entries(sample!.bytes).map(([name, bytes]) => [name, [bytes]])),
          recordBytes: [RECORD_BYTES],
        };
  return { ...found, sizes: sizesOf(stage, sizes) };
}

/**
 * How fast a kind of work is: by records where enough nodes were timed, by a calibration elsewhere.
 * @returns undefined where nothing was measured
 */
export function rateOf(
  measured: Measured | undefined,
  sample: Sampled | undefined,
  preferSamples = false,
): Pick<Known, 'rate' | 'warmUp' | 'source'> | undefined {
  const enough = (measured?.warm.length ?? 0) >= FEW;
  if (sample !== undefined && (preferSamples || !enough)) {
    const rate = fitRate(sample.timed);
    if (rate !== undefined) return { rate, warmUp: sample.warmUp, source: { kind: 'calibration', n: rate.n } };
  }
  if (measured === undefined) return undefined;
  const rate = fitRate(measured.warm.length > 0 ? measured.warm : measured.first);
  if (rate === undefined) return undefined;
  const late = measured.first.map(({ units, seconds }) => seconds - secondsOf(rate, units));
  const warmUp = measured.warm.length > 0 && late.length > 0 ? Math.max(0, quantile(late, 0.5)) : (sample?.warmUp ?? 0);
  return { rate, warmUp, source: { kind: 'records', n: rate.n } };
}

/** Of a record, where none was seen yet. */
const RECORD_BYTES = 4000;

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

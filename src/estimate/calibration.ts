/**
 * Measures how fast this machine is: of each kind of work, a small version of one node runs a few times, in as many
 * workers at once as the run will have. What it consumes is taken from the cache, or made small, too. Nothing is
 * published.
 */
import { rmSync, statSync } from 'node:fs';
import type { Failure } from '../base/failure.ts';
import { failureOf } from '../base/file-failure.ts';
import type { Cache } from '../cache/cache.ts';
import { readNote, writeNote } from '../cache/note.ts';
import type { JsonObject } from '../base/json.ts';
import { resourcesOf, type Executor, type Slot } from '../engine/executor.ts';
import type { PlannedNode } from '../engine/node.ts';
import type { Plan } from '../engine/plan.ts';
import type { StageLoader } from '../engine/stage-loader.ts';
import { prepareJob, type FindArtifact } from '../engine/prepare-job.ts';
import { metricsOf } from '../engine/run-job.ts';
import { placeOf } from '../engine/stage.ts';
import { MANIFEST_SUFFIX } from '../engine/stage-module.ts';
import { quantile, type Timed } from './rate.ts';
import { workOf, type Task } from './workload.ts';

/** What a calibration found out about one kind of work. */
export interface Sampled {
  timed: Timed[];
  /** What the first node of its kind takes longer in a worker. */
  warmUp: number;
  /** Bytes by output. */
  bytes: Record<string, number>;
}

/** By how many seconds the larger size is to take longer than the smallest: less may be noise. */
const SHOWING_SECONDS = 0.2;
/** Times that the larger size is measured in each worker. */
const REPEATS = 3;
/** More workers at once tell no more of how much nodes slow each other down. */
export const MOST_WORKERS = 8;

export class Calibration {
  readonly #project: { cache: Cache; stages: StageLoader };
  readonly #plan: Plan;
  readonly #executor: Executor<Slot>;
  readonly #workers: number;
  /** Paths of what was made small, by producer and artifact. */
  readonly #made = new Map<string, Promise<Record<string, string>>>();
  /** Why kinds of work could not be measured, where something failed. */
  readonly failures = new Map<string, Failure>();

  /**
   * What it writes goes when the process ends, and before that whoever made the executor clears the cache's scratch.
   * @param workers jobs that the executor runs at a time
   */
  constructor(project: { cache: Cache; stages: StageLoader }, plan: Plan, executor: Executor<Slot>, workers: number) {
    this.#project = project;
    this.#plan = plan;
    this.#executor = executor;
    this.#workers = workers;
  }

  /**
   * Measures one kind of work.
   * @returns undefined where it cannot be made small or run apart: a step that gathers, or a program of the study's
   *   own; or where it, or what it consumes, failed
   */
  async sample({ planned: { node }, group }: Task): Promise<Sampled | undefined> {
    if (!this.#canRun(node)) return undefined;
    try {
      return await this.#measure(node);
    } catch (error) {
      if (!(error instanceof CannotSample)) throw error;
      if (error.failure !== undefined) this.failures.set(group, error.failure);
      return undefined;
    }
  }

  async #measure(node: PlannedNode): Promise<Sampled> {
    const timed: Timed[] = [];
    const small = await this.#runInEveryWorker(node, 1);
    const least = await this.#runInEveryWorker(node, 1);
    timed.push(...least.timed);
    const each = quantile(
      least.timed.map(({ seconds }) => seconds),
      0.5,
    );
    const units = await this.#showingUnits(node, least.timed[0]!.units, each + SHOWING_SECONDS);
    let bytes = least.bytes;
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const larger = await this.#runInEveryWorker(node, units);
      timed.push(...larger.timed);
      bytes = larger.bytes;
    }
    const first = quantile(
      small.timed.map(({ seconds }) => seconds),
      0.5,
    );
    return { timed, warmUp: Math.max(0, first - each), bytes };
  }

  /**
   * Doubles a node's size until it takes so many seconds, or is the whole node. What a node takes whatever its size may
   * be a hundred times what a unit takes, so that how long the smallest one takes tells nothing of a unit.
   */
  async #showingUnits(node: PlannedNode, least: number, goal: number): Promise<number> {
    const { count } = await this.#workOf(node);
    let units = Math.min(2 * least, count);
    for (; units < count; units = Math.min(2 * units, count)) {
      const { timed } = await this.#runInEveryWorker(node, units);
      const seconds = timed.map((each) => each.seconds);
      if (quantile(seconds, 0.5) >= goal) break;
    }
    return units;
  }

  /** Runs a node of so many units in every worker at once. */
  async #runInEveryWorker(node: PlannedNode, units: number): Promise<Pick<Sampled, 'timed' | 'bytes'>> {
    const runs = await Promise.all(Array.from({ length: this.#workers }, () => this.#run(node, units)));
    const sizes = Object.entries(runs[0]!.outputs).map(([name, path]) => [name, statSync(path).size] as const);
    for (const { folder } of runs) rmSync(folder, { recursive: true, force: true });
    return { timed: runs.map(({ units, seconds }) => ({ units, seconds })), bytes: Object.fromEntries(sizes) };
  }

  async #run(node: PlannedNode, units: number) {
    const { count, sample } = await this.#workOf(node);
    const params: JsonObject = {
      ...node.params,
      ...(sample !== undefined && sample(Math.max(1, Math.round(Math.min(units, count))))),
    };
    const { cache, stages } = this.#project;
    const folder = await cache.temporaryFolder();
    const job = await prepareJob({ ...node, params }, folder, stages, this.#findOrMake);
    const place = placeOf(node.labels[0]!);
    using slot = await this.#executor.reserve({ place, resources: resourcesOf(node) });
    if (slot === undefined) throw new CannotSample();
    const start = performance.now(); // what it waits for a GPU is not its own time
    const outcome = await slot.submit(job, () => {});
    const seconds = (performance.now() - start) / 1000;
    if (outcome.kind === 'cancelled') throw new CannotSample();
    try {
      metricsOf(outcome, job, { stage: node.stage.name, node: place });
    } catch (error) {
      throw new CannotSample(failureOf(error));
    }
    return { folder, outputs: job.outputs, seconds, units: (await this.#workOf({ ...node, params })).count };
  }

  /** Finds what a node consumes in the cache, or makes it small. */
  readonly #findOrMake: FindArtifact = async (key, artifact) => {
    const { cache } = this.#project;
    const { node, record } = this.#plan.nodes.get(key)!;
    const recorded = record?.artifacts[artifact];
    if (recorded !== undefined && cache.hasArtifact(recorded)) return cache.locate(recorded);
    if (!this.#canRun(node)) throw new CannotSample();
    const made = this.#made.get(key) ?? this.#run(node, 1).then(({ outputs }) => outputs);
    this.#made.set(key, made);
    return (await made)[artifact];
  };

  #workOf(node: PlannedNode) {
    return workOf(node, this.#project.stages.root);
  }

  #canRun({ stage, gathers }: PlannedNode): boolean {
    return Object.keys(gathers).length === 0 && !this.#project.stages.modulePath(stage.name).endsWith(MANIFEST_SUFFIX);
  }
}

/** A kind of work, or something that it consumes, cannot be run apart. */
class CannotSample extends Error {
  constructor(readonly failure?: Failure) {
    super();
  }
}

/** What was measured on this kind of processor before, by kind of work; it only spares measuring again. */
export interface CalibrationFile {
  cpu: string | null;
  samples: Record<string, Sampled>;
}

/** @returns no samples where there are none, where they are another machine's, or where the note is damaged */
export function readCalibration(path: string, cpu: string | null): Record<string, Sampled> {
  const note = readNote(path);
  return note.kind === 'whole' && note.value.cpu === cpu ? (note.value as unknown as CalibrationFile).samples : {};
}

/** Keeps what was measured; a cache that cannot be written costs measuring it again. */
export async function keepCalibration(path: string, file: CalibrationFile, cache: Cache): Promise<void> {
  try {
    await cache.prepare();
    const scratch = await cache.scratch.directory();
    await writeNote(path, file, { cache: cache.directory, scratch, durable: false });
  } catch (error) {
    if (failureOf(error) === undefined) throw error;
  } finally {
    await cache.scratch.clear();
  }
}

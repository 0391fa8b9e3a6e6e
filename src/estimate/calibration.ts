/**
 * A short run of this machine: of each kind of work, a node of the study made small is run a few times, in as many
 * workers at once as the run will have. What it consumes is there, or is made the same way. Nothing is published.
 */
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../base/atomic-file.ts';
import type { Cache } from '../cache/cache.ts';
import type { JsonObject } from '../base/json.ts';
import type { PlannedNode } from '../engine/node.ts';
import type { Plan } from '../engine/plan.ts';
import type { StageLoader } from '../engine/stage-loader.ts';
import { MANIFEST_SUFFIX } from '../engine/stage-module.ts';
import { WorkerPool } from '../engine/worker-pool.ts';
import { quantile, type Timed } from './rate.ts';
import { workOf, type Task } from './workload.ts';

/** What a calibration found out of one kind of work. */
export interface Sampled {
  timed: Timed[];
  /** What the first node of its kind takes longer in a worker. */
  warmUp: number;
  /** Bytes by output. */
  bytes: Record<string, number>;
}

/** Seconds that the measured nodes of one kind are to take together, about. */
const GOAL_SECONDS = 0.4;
/** Times that the larger size is measured in each worker. */
const REPEATS = 3;
/** More at once say no more of how they hinder each other. */
const MOST_WORKERS = 8;

export class Calibration {
  readonly #project: { cache: Cache; stages: StageLoader };
  readonly #plan: Plan;
  readonly #workers: number;
  readonly #made = new Map<string, Promise<Record<string, string>>>();
  readonly #pool: WorkerPool;

  /** @param jobs nodes at a time of the run that is estimated */
  constructor(project: { cache: Cache; stages: StageLoader }, plan: Plan, jobs: number) {
    this.#project = project;
    this.#plan = plan;
    this.#workers = Math.min(jobs, MOST_WORKERS);
    this.#pool = new WorkerPool(this.#workers);
  }

  /** Ends the workers and removes what they wrote. */
  async close(): Promise<void> {
    await this.#pool.close();
    await this.#project.cache.scratch.clear();
  }

  /**
   * Measures one kind of work.
   * @returns undefined where it cannot be made small or run apart: a step that gathers, or a program of the study's own
   */
  async sample({ planned: { node } }: Task): Promise<Sampled | undefined> {
    if (!this.#canRun(node)) return undefined;
    try {
      return await this.#measure(node);
    } catch (error) {
      if (error instanceof CannotSample) return undefined;
      throw error;
    }
  }

  async #measure(node: PlannedNode): Promise<Sampled> {
    const timed: Timed[] = [];
    const inputs = await this.#inputs(node);
    const small = await this.#everywhere(node, inputs, 1);
    const least = await this.#everywhere(node, inputs, 1);
    timed.push(...least.timed);
    const each = quantile(
      least.timed.map(({ seconds }) => seconds),
      0.5,
    );
    const units = least.timed[0]!.units * Math.max(2, GOAL_SECONDS / REPEATS / Math.max(each, 1e-3));
    let bytes = least.bytes;
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const larger = await this.#everywhere(node, inputs, Math.min(units, (await workOf(node)).count));
      timed.push(...larger.timed);
      bytes = larger.bytes;
    }
    const first = quantile(
      small.timed.map(({ seconds }) => seconds),
      0.5,
    );
    return { timed, warmUp: Math.max(0, first - each), bytes };
  }

  /** Runs a node of so many units in every worker at once. */
  async #everywhere(
    node: PlannedNode,
    inputs: Record<string, string>,
    units: number,
  ): Promise<Pick<Sampled, 'timed' | 'bytes'>> {
    const runs = await Promise.all(Array.from({ length: this.#workers }, () => this.#run(node, inputs, units)));
    const sizes = Object.entries(runs[0]!.outputs).map(([name, path]) => [name, statSync(path).size] as const);
    for (const { folder } of runs) rmSync(folder, { recursive: true, force: true });
    return { timed: runs.map(({ units, seconds }) => ({ units, seconds })), bytes: Object.fromEntries(sizes) };
  }

  async #run(node: PlannedNode, inputs: Record<string, string>, units: number) {
    const { count, sample } = await workOf(node);
    const params: JsonObject = {
      ...node.params,
      ...(sample !== undefined && sample(Math.max(1, Math.round(Math.min(units, count))))),
    };
    const folder = await this.#project.cache.scratch.node();
    const outputs = Object.fromEntries(
      Object.entries(node.stage.outputs).map(([name, { file }]) => [name, join(folder, file)]),
    );
    const checkpoints = join(folder, '.checkpoints');
    await mkdir(checkpoints);
    const state = node.stage.trajectory?.(params).state;
    const job = {
      module: this.#project.stages.modulePath(node.stage.name),
      params,
      inputs,
      gathered: {},
      outputs,
      ...(state && { checkpoints: { folder: checkpoints, everySeconds: 3600, state } }),
    };
    const start = performance.now();
    const outcome = await this.#pool.run(job, () => {}, { output: () => {}, progress: () => {} });
    const seconds = (performance.now() - start) / 1000;
    if (outcome.kind !== 'done') throw new CannotSample();
    return { folder, outputs, seconds, units: (await workOf({ ...node, params })).count };
  }

  /** Paths of what a node consumes: from the cache, or made small. */
  async #inputs(node: PlannedNode): Promise<Record<string, string>> {
    const paths: Record<string, string> = {};
    for (const [name, { key, artifact }] of Object.entries(node.inputs)) {
      const producer = this.#plan.nodes.get(key)!;
      const made = producer.record?.artifacts[artifact];
      paths[name] =
        made !== undefined && this.#project.cache.hasArtifact(made)
          ? this.#project.cache.artifactPath(made)
          : (await this.#make(producer.node))[artifact]!;
    }
    return paths;
  }

  #make(node: PlannedNode): Promise<Record<string, string>> {
    if (!this.#canRun(node)) throw new CannotSample();
    const made =
      this.#made.get(node.key) ?? this.#inputs(node).then(async (inputs) => (await this.#run(node, inputs, 1)).outputs);
    this.#made.set(node.key, made);
    return made;
  }

  #canRun({ stage, gathers }: PlannedNode): boolean {
    return Object.keys(gathers).length === 0 && !this.#project.stages.modulePath(stage.name).endsWith(MANIFEST_SUFFIX);
  }
}

/** A kind of work, or something that it consumes, cannot be run apart. */
class CannotSample extends Error {}

/** What was measured on this kind of processor before, by kind of work; it only spares measuring again. */
export interface CalibrationFile {
  version: 1;
  cpu: string | null;
  samples: Record<string, Sampled>;
}

/** @returns no samples where there are none, or they are another machine's */
export function readCalibration(path: string, cpu: string | null): Record<string, Sampled> {
  if (!existsSync(path)) return {};
  try {
    const { version, cpu: measured, samples } = JSON.parse(readFileSync(path, 'utf8')) as CalibrationFile;
    return version === 1 && measured === cpu && typeof samples === 'object' ? samples : {};
  } catch {
    return {};
  }
}

/** Keeps what was measured; a cache that cannot be written costs measuring it again. */
export async function keepCalibration(path: string, file: CalibrationFile, cache: Cache): Promise<void> {
  await writeAtomically(path, `${JSON.stringify(file)}\n`, await cache.scratch.directory(), { durable: false }).catch(
    () => undefined,
  );
  await cache.scratch.clear();
}

/** Sends a study to Slurm: what is to run is cut into bundles, and every bundle becomes a job of an array. */
import { closeSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { thisProcess } from '../cache/process-identity.ts';
import { studyFolder } from '../cache/study-state.ts';
import { SwpError, type Failure } from '../base/failure.ts';
import { fileFailure } from '../base/file-failure.ts';
import { holdFolder, removeTree } from '../base/held-folder.ts';
import { packageRoot } from '../base/package-root.ts';
import { createFile } from '../base/regular-file.ts';
import { resourcesOf } from '../engine/executor.ts';
import { TIME_SIGNAL } from '../engine/executors/slurm/allocation.ts';
import { arraysOf, awaitedJobs } from '../engine/executors/slurm/arrays.ts';
import { batchScript } from '../engine/executors/slurm/batch-script.ts';
import { cutIntoBundles } from '../engine/executors/slurm/bundles.ts';
import type { SlurmClient } from '../engine/executors/slurm/client.ts';
import type { SlurmSettings } from '../engine/executors/slurm/settings.ts';
import {
  digestOf,
  storeJobs,
  storeSubmission,
  type StoredSubmission,
  type Submission,
} from '../engine/executors/slurm/submission.ts';
import { memoryNeed } from '../engine/memory-need.ts';
import { stopReason } from '../engine/run.ts';
import { isToRun, neededNodes } from '../engine/needed-nodes.ts';
import type { PlannedNode } from '../engine/node.ts';
import { placeOf } from '../engine/stage.ts';
import { rateOf } from '../estimate/estimate.ts';
import { secondsOf } from '../estimate/rate.ts';
import { forecastRun, type Forecast } from '../estimate/study-estimate.ts';
import { bundlingOf, readConfig, slurmSettingsOf, type SlurmOptions } from './config.ts';
import type { PlannedRun } from './planned-run.ts';
import type { Project } from './project.ts';

export interface SubmitSettings {
  /** What the command says of jobs. */
  slurm: SlurmOptions;
  /** How nodes run. */
  run: Submission['run'];
  device?: string;
  engine?: string;
}

/** Beyond what nodes are expected to take, which is an estimate; swp itself takes some, too. */
const MEMORY_FACTOR = 1.5;
const MEMORY_OF_SWP = 2 ** 30;
/** Slurm counts in MiB. Jobs that ask for the same can be one array: so they ask for whole GiB. */
const GIB_IN_MIB = 1024;

/**
 * Cuts what has no result and is in no live job.
 * @param client is asked how large an array may be
 * @param heldBy what Slurm calls the live job that has a node already
 * @returns undefined if there is nothing to send
 * @throws SwpError of kind `usage` for settings that make no sense
 */
export async function cutRun(
  { study, cache, ...project }: Project,
  planned: PlannedRun,
  { slurm, run, device, engine }: SubmitSettings,
  client: SlurmClient,
  heldBy: (key: string) => string | undefined,
): Promise<Submission | undefined> {
  const config = readConfig({ study, ...project });
  const nodes = neededNodes(planned.plan, planned.wanted).flatMap((each) => (isToRun(each) ? [each.node] : []));
  const seconds = secondsOfNodes(await forecastRun({ study, cache, ...project }, planned.plan, planned.wanted));
  const memory = await memoryOfNodes(nodes, study.root);
  const bundles = cutIntoBundles(nodes, {
    rule: bundlingOf(config, slurm),
    settingsOf: ({ stage }) => slurmSettingsOf(config, slurm, stage.name),
    settingsFor: (settings, members) => ({ ...askedFor(members, settings, memory), ...settings }),
    secondsOf: ({ key }) => seconds.get(key),
    heldBy,
  });
  // What gathers is sent anew with whatever there is to gather; with nothing else, its job waits for all there is.
  if (bundles.every((bundle) => bundle.nodes.every((key) => heldBy(key) !== undefined))) return undefined;
  const mostElements = await mostElementsOf(client, bundles.length);
  const { user, host } = thisProcess();
  const { name: profile } = study.profile;
  const isDeclared = study.file.content.profiles?.[profile] !== undefined;
  return {
    at: new Date().toISOString(),
    user,
    host,
    study: {
      path: study.path,
      declaration: study.file.text,
      ...(isDeclared && { profile }), // a study without profiles has one in name only
      ...(device !== undefined && { device }),
      ...(engine !== undefined && { engine }),
      cache: cache.directory,
      selectors: [...planned.selectors],
    },
    run,
    bundles,
    arrays: arraysOf(bundles, ({ concurrency }) => concurrency, {
      sharingOf: withoutSizes,
      ...(mostElements !== undefined && { mostElements }),
    }),
  };
}

/** Of an array, where that matters; undefined where Slurm does not say, as in a dry run without Slurm. */
async function mostElementsOf(client: SlurmClient, bundles: number): Promise<number | undefined> {
  if (bundles <= SMALL_ARRAY) return undefined;
  const size = await client.maxArraySize().catch(() => undefined);
  return size?.kind === 'answer' ? size.value : undefined;
}

/** Every Slurm that allows arrays allows such ones. */
const SMALL_ARRAY = 10;

/**
 * @param signal takes back what was sent
 * @throws SwpError with Slurm's words if it refuses, or of kind `stopped`; then none of the jobs stays
 */
export async function send(
  { study, cache, state, dag }: Project,
  submission: Submission,
  client: SlurmClient,
  signal?: AbortSignal,
): Promise<StoredSubmission> {
  const place = { cache: cache.directory, scratch: await cache.scratch.directory() };
  const stored = await storeSubmission(studyFolder(cache.directory, study.path), submission, place);
  try {
    await state.begin(dag.nodes()); // `swp gc` keeps what jobs need that have not begun
    const sha256 = digestOf(submission);
    for (const [index, array] of stored.arrays.entries()) {
      throwIfStopped(signal);
      array.job = await sendArray(stored, sha256, index, client);
      await storeJobs(stored, place);
    }
    return stored;
  } catch (error) {
    const sent = stored.arrays.flatMap(({ job }) => job ?? []);
    const isCancelled = await client.cancel(sent).then(
      () => true,
      () => false, // why it could not be sent is what has to be told
    );
    // What Slurm has not answered it may have taken: that job then looks for its submission.
    if (isCancelled && (isRefusal(error) || signal?.aborted)) removeTree(stored.folder);
    throwIfStopped(signal); // Ctrl-C reaches sbatch, too
    throw error;
  }
}

/** @throws SwpError of kind `stopped` */
export function throwIfStopped(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new SwpError({ kind: 'stopped', signal: stopReason(signal) });
}

function isRefusal(error: unknown): boolean {
  return error instanceof SwpError && error.failure.kind === 'scheduler' && error.failure.answers;
}

/** @returns what Slurm calls the array */
async function sendArray(
  { folder, submission, arrays }: StoredSubmission,
  sha256: string,
  index: number,
  client: SlurmClient,
): Promise<string> {
  const array = arrays[index]!;
  const script = batchScript({
    array,
    name: nameOf(array.bundles.map((bundle) => submission.bundles[bundle]!.name)),
    after: awaitedJobs(array, arrays),
    folder: dirname(submission.study.path),
    logFolder: folder,
    timeSignal: TIME_SIGNAL,
    command: [
      ...[process.execPath, join(packageRoot, 'bin/swp.js'), 'work'],
      ...['--submission', folder, '--sha256', sha256, '--bundle'],
    ],
  });
  writeScript(folder, `array-${index}.sh`, script);
  // Slurm gets the text itself: others may write into a shared cache.
  return client.submit(script);
}

/** For people who look; jobs never read it. */
function writeScript(folder: string, name: string, text: string): void {
  try {
    using held = holdFolder(folder);
    const file = createFile(held.path(name));
    try {
      writeFileSync(file, text);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw fileFailure(error, join(folder, name), 'write');
  }
}

/** What squeue shows of an array. */
function nameOf(bundles: readonly string[]): string {
  return bundles.length === 1 ? bundles[0]! : `${bundles[0]} and ${bundles.length - 1} more`;
}

/** What each node is expected to take, as far as it was measured. */
function secondsOfNodes({ workload, measurements, samples }: Forecast): Map<string, number> {
  return new Map(
    workload.tasks.flatMap(({ planned, group, units }) => {
      const known = rateOf(measurements.of(group), samples[group]);
      return known === undefined ? [] : [[planned.node.key, known.warmUp + secondsOf(known.rate, units)]];
    }),
  );
}

async function memoryOfNodes(nodes: readonly PlannedNode[], root: string): Promise<Map<string, number>> {
  const needs = await Promise.all(nodes.map(async (node) => [node.key, (await memoryNeed(node, root))?.bytes ?? 0]));
  return new Map(needs as [string, number][]);
}

/** What a job of these nodes asks for where no setting says otherwise: a GPU if a node needs one, and memory. */
function askedFor(
  nodes: readonly PlannedNode[],
  { cpus, gpus: declared }: SlurmSettings,
  memory: ReadonlyMap<string, number>,
): Pick<SlurmSettings, 'gpus' | 'memory'> {
  const gpus = Math.max(...nodes.map((node) => resourcesOf(node).gpus));
  if (declared === '0' && gpus > 0) throw new SwpError(needsGpu(nodes.find((node) => resourcesOf(node).gpus > 0)!));
  const largest = nodes
    .map(({ key }) => memory.get(key)!)
    .toSorted((a, b) => b - a)
    .slice(0, cpus);
  const bytes = MEMORY_FACTOR * largest.reduce((sum, each) => sum + each, 0) + MEMORY_OF_SWP;
  return { ...(gpus > 0 && { gpus: String(gpus) }), memory: GIB_IN_MIB * Math.ceil(bytes / 2 ** 30) };
}

/** Told before the job has waited in the queue for what it cannot do. */
function needsGpu({ stage, labels }: PlannedNode): Failure {
  return {
    kind: 'usage',
    message: `The jobs of stage ${stage.name} ask for no GPU ("gpus" is 0), and ${placeOf(labels[0]!)} needs one.`,
    expected: 'no "gpus" for this stage, or 1; or a study on another device (--device cpu)',
  };
}

/** What jobs have in common whose number is limited together: how large each of them is does not matter. */
function withoutSizes({ memory: _, gpus: __, ...settings }: SlurmSettings): object {
  return settings;
}

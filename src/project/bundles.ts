/** Writes a bundle of a study, verifies one, and runs the study of one again to compare. */
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createReadStream, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { makeTemporaryFolder } from '../base/temporary-folder.ts';
import { SwpError } from '../base/failure.ts';
import { writeArchive } from '../bundle/archive-writer.ts';
import { compressionOf } from '../bundle/compression.ts';
import { bundleContents } from '../bundle/contents.ts';
import { bundleId, manifestText, type Manifest } from '../bundle/manifest.ts';
import { gatheredItems } from '../verify/preimage.ts';
import { compareWithBundle, type RecomputedPlace } from '../bundle/recompute.ts';
import { renderBundledReport } from '../bundle/report.ts';
import { withBundle, type OpenBundle, type VerifiedBundle } from '../bundle/verify.ts';
import type { CacheRecord } from '../cache/record.ts';
import type { EventSink } from '../engine/event.ts';
import { placeOf } from '../engine/stage.ts';
import { RESULTS_ARTIFACT } from '../report/read-results.ts';
import { rendererStamp } from '../report/renderer-stamp.ts';
import { localExecutor, nodeEnvironment } from './local-executor.ts';
import { locate, type ProjectOptions } from './location.ts';
import { selectPlanned } from './nodes.ts';
import { outputFile, STANDARD_OUTPUT } from './output-file.ts';
import { plannedRun, type PlannedRun } from './planned-run.ts';
import { openProject, planProject, type Project } from './project.ts';
import type { RunState } from './run-state.ts';
import { latestResults, noResults, resultsKey } from './study-report.ts';
import { StudyRun } from './study-run.ts';

export interface WrittenBundle {
  /** Absolute path. */
  file: string;
  /** SHA-256 of the manifest. */
  id: string;
  bytes: number;
  /** How many files, and which of them. */
  files: number;
  records: number;
  artifacts: number;
  weights: boolean;
  masks: boolean;
  /** Places of the study that have no result. */
  missing: string[];
  /** Places whose result came after the report was made: it does not have them. */
  ungathered: string[];
}

/**
 * One archive from which another machine verifies every number of the report.
 * @param sink takes the archive if it is to go to standard output
 * @throws SwpError of kind `usage` if there are no results, or those of an earlier state of the study, or if weights
 *   are asked for without masks
 */
export async function writeBundle(
  options: ProjectOptions & {
    output?: string;
    weights?: boolean;
    texts?: boolean;
    masks?: boolean;
    figures?: boolean;
  },
  sink: NodeJS.WritableStream,
): Promise<WrittenBundle> {
  if (options.weights === true && options.masks === false)
    throw new SwpError({
      kind: 'usage',
      message: 'Pruned weights are stored as what they are made of: weights and a mask.',
      expected: '--weights or --no-masks, not both',
    });
  const project = await openProject(options);
  const { study } = project;
  const planned = await planProject(project);
  const key = resultsKey(project);
  const results = key === undefined ? undefined : await latestResults(project, key);
  if (![...planned.nodes.values()].some(({ state }) => state === 'cached')) throw noResults(project);
  const name = `${study.name}-${study.profile.name}.tar.gz`;
  const piped = options.output === STANDARD_OUTPUT;
  const wanted = piped
    ? undefined
    : outputFile(project, options.output, { ...compressionOf(options.output ?? name), what: 'bundle', name });
  const scratch = await makeTemporaryFolder('swp-bundle-'); // the cache may be one that this user may only read
  try {
    const { manifest, files } = await bundleContents(project, planned, {
      weights: options.weights ?? false,
      texts: options.texts ?? false,
      masks: options.masks ?? true,
      overrides: locate(options).overrides,
      results,
      report: await renderInto(join(scratch, 'report'), results, { project, figures: options.figures ?? true }),
      renderer: rendererStamp(),
      environment: await nodeEnvironment(study.root),
    });
    refuseOldResults(manifest, results, study.profile.name);
    const text = manifestText(manifest);
    const file = wanted ?? join(scratch, name);
    await writeArchive(file, text, files);
    if (piped) await pipeline(createReadStream(file), sink, { end: false });
    return { ...described(file, bundleId(text), manifest), ungathered: ungatheredPlaces(manifest, results) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** @returns the folder; undefined without results */
async function renderInto(
  folder: string,
  results: CacheRecord | undefined,
  { project: { cache }, figures }: { project: Project; figures: boolean },
): Promise<string | undefined> {
  const artifact = results?.artifacts[RESULTS_ARTIFACT];
  if (artifact === undefined) return undefined;
  await cache.verify(artifact);
  await renderBundledReport(folder, cache.artifactPath(artifact), cache, figures);
  return folder;
}

/** @throws SwpError of kind `usage` if the results were made of other nodes than the study has now */
function refuseOldResults({ places }: Manifest, results: CacheRecord | undefined, profile: string): void {
  const old = Object.values(results === undefined ? {} : gatheredItems(results))
    .flat()
    .find(({ key, label }) => key !== undefined && places[placeOf(label)] !== key);
  if (old !== undefined)
    throw new SwpError({
      kind: 'usage',
      message: `The results of profile "${profile}" are of an earlier state of the study.`,
      expected: '`swp repro` first, so that report and records belong together',
    });
}

/** A run that was stopped leaves results of nodes that nothing has gathered. */
function ungatheredPlaces({ places }: Manifest, results: CacheRecord | undefined): string[] {
  const missed = Object.values(results === undefined ? {} : gatheredItems(results))
    .flat()
    .flatMap(({ key, label }) => (key === undefined ? [placeOf(label)] : []));
  return [...new Set(missed)].filter((place) => Object.hasOwn(places, place));
}

function described(file: string, id: string, manifest: Manifest): Omit<WrittenBundle, 'ungathered'> {
  const names = Object.keys(manifest.files);
  const count = (folder: string) => names.filter((name) => name.startsWith(folder)).length;
  return {
    file,
    id,
    bytes: statSync(file).size,
    files: names.length,
    records: count('records/'),
    artifacts: count('artifacts/'),
    weights: manifest.weights,
    masks: manifest.masks ?? true,
    missing: Object.keys(manifest.missing),
  };
}

export interface BundleVerification {
  verified: VerifiedBundle;
  /** Of a bundle that was run again. */
  recomputed?: RecomputedPlace[];
  /** Whether everything holds. */
  ok: boolean;
}

export interface BundleVerificationOptions {
  /** This swp's version. */
  version: string;
  /** Bytes that the bundle may unpack to. */
  maxSize: number;
  /** How the bundle's id must begin. */
  id?: string;
  /** Paths of models and texts that are to be those of the study. */
  sources?: readonly string[];
  /** Run the bundle's study again, if its files hold together. */
  recompute?: Recomputation;
}

export interface Recomputation {
  /** Selectors; none for the whole study. */
  words: readonly string[];
  /** The cache to run in; a temporary one if absent. */
  cache?: string;
  jobs?: number | undefined;
  /** Where the machine or a version is another: largest relative difference of a tensor. */
  tolerance: number;
  /** Opens what shows the run. */
  openView(state: RunState): { emit: EventSink; close(): void };
}

/** @throws SwpError of kind `content` for what is no bundle or must not be unpacked; of kind `file` */
export function verifyBundleFile(
  file: string,
  { version, maxSize, id, sources, recompute }: BundleVerificationOptions,
): Promise<BundleVerification> {
  const openExecutor = () => localExecutor({ jobs: 1 });
  const options = {
    limit: maxSize,
    version,
    openExecutor,
    ...(id !== undefined && { id }),
    ...(sources && { sources }),
  };
  return withBundle(resolve(file), options, async (open) => {
    const { verified } = open;
    const holds = verified.findings.length === 0;
    if (recompute !== undefined && holds) refuseAbsentSources(open);
    const recomputed = recompute !== undefined && holds ? await recomputeBundle(open, recompute) : undefined;
    const fails = recomputed?.some(({ verdict }) => verdict === 'different' || verdict === 'missing') ?? false;
    return { verified, ok: holds && !fails, ...(recomputed && { recomputed }) };
  });
}

/** @throws SwpError of kind `usage` if a file is not there that the study reads */
function refuseAbsentSources({ absent: [first, ...others] }: OpenBundle): void {
  if (first === undefined) return;
  throw new SwpError({
    kind: 'usage',
    message: `The bundle's study cannot run without ${first.of}: the file ${first.name} of ${first.bytes} bytes, SHA-256 ${first.sha256}${others.length > 0 ? `, and ${others.length} more` : ''}.`,
    expected: '--model PATH or --text PATH, once for each that the bundle lacks',
  });
}

/** Runs the bundle's study in a folder of its own, in the cache that was given or a temporary one. */
async function recomputeBundle(
  open: OpenBundle,
  { words, cache, jobs, tolerance, openView }: Recomputation,
): Promise<RecomputedPlace[]> {
  const temporary = cache === undefined ? await makeTemporaryFolder('swp-recompute-') : undefined;
  try {
    const { profile, overrides } = open.verified.manifest.study;
    const project = await openProject({
      pipeline: join(open.folder, 'pipeline.json'),
      cache: resolve(cache ?? temporary!),
      ...(profile !== 'all' && { profile }),
      ...(typeof overrides.device === 'string' && { device: overrides.device }),
      ...(typeof overrides.engine === 'string' && { engine: overrides.engine }),
    });
    const planned = await planBundledRun(project, words);
    const run = new StudyRun(project, planned, { jobs, gpus: 'auto' });
    const view = openView(await run.openState());
    const made = new Map<string, CacheRecord>();
    try {
      const { records } = await run.execute(view.emit, new AbortController().signal);
      for (const [key, record] of records)
        for (const label of project.dag.getNodeAttributes(key).labels) made.set(placeOf(label), record);
    } finally {
      view.close();
    }
    // A node that was asked for and has failed counts; one that was only needed is compared if it ran.
    const asked = selectPlanned(planned.plan, words).flatMap(({ node }) => node.labels.map(placeOf));
    return await compareWithBundle(
      onlyPlaces(open, new Set([...asked, ...made.keys()])),
      made,
      project.cache,
      await nodeEnvironment(open.folder),
      tolerance,
    );
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
}

/** With selectors, the results are made only if they are selected: over a part of the nodes they would be others. */
async function planBundledRun(project: Project, selectors: readonly string[]): Promise<PlannedRun> {
  await project.cache.prepare();
  const plan = await planProject(project);
  if (selectors.length === 0) return plannedRun(plan, selectors, {});
  const targets = selectPlanned(plan, selectors).map(({ node }) => node.key);
  const key = resultsKey(project);
  return plannedRun(plan, selectors, { targets, ...(key !== undefined && targets.includes(key) && { gather: [key] }) });
}

/** A bundle as if only these places were in it. */
function onlyPlaces(open: OpenBundle, wanted: ReadonlySet<string>): OpenBundle {
  const { manifest } = open.verified;
  const places = Object.fromEntries(Object.entries(manifest.places).filter(([place]) => wanted.has(place)));
  return { ...open, verified: { ...open.verified, manifest: { ...manifest, places } } };
}

/**
 * What goes into a bundle: the study, the records of all its nodes, their artifacts that are never evicted, the report.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import type { CacheRecord } from '../cache/record.ts';
import { digestFile } from '../base/digest.ts';
import { producersOf } from '../engine/dag-builder.ts';
import type { JsonObject } from '../base/json.ts';
import { placeOf } from '../engine/stage.ts';
import type { Plan } from '../engine/plan.ts';
import type { StageLoader } from '../engine/stage-loader.ts';
import { packageRoot } from '../base/package-root.ts';
import type { Content } from './archive-writer.ts';
import { isSafeName, MASK_ARTIFACT, type Manifest } from './manifest.ts';
import { sourceContents } from './source-contents.ts';
import { gatheredRefs, inputRefs } from '../verify/preimage.ts';
import { recordName } from '../cache/layout.ts';

export interface BundledStudy {
  study: { name: string; path: string; root: string; profile: { name: string } };
  cache: Cache;
  stages: StageLoader;
}

export interface BundleOptions {
  /** With what may be evicted, and the files of models. */
  weights: boolean;
  /** With texts of any size. */
  texts: boolean;
  masks: boolean;
  /** Parameters given with the command. */
  overrides: JsonObject;
  /** The record of the study's results; they may have holes. */
  results: CacheRecord | undefined;
  /** A folder that holds the rendered report; none if there are no results. */
  report: string | undefined;
  renderer: string;
  environment: JsonObject;
}

export interface BundleContents {
  manifest: Manifest;
  files: Map<string, Content>;
}

/** @throws SwpError of kind `content` for an artifact that is damaged, `file` for what cannot be read */
export async function bundleContents(
  { study, cache, stages }: BundledStudy,
  plan: Plan,
  options: BundleOptions,
): Promise<BundleContents> {
  const files = new Map<string, Content>();
  const addPath = (name: string, path: string) => files.set(name, { path, bytes: statSync(path).size });
  const addText = (name: string, text: string) => files.set(name, { text, bytes: Buffer.byteLength(text) });
  const { places, missing } = placesOf(plan, options.results);
  const records = await recordsOf(new Set(Object.values(places)), cache);
  for (const record of records.values()) {
    addText(recordName(record.key), readFileSync(cache.recordPath(record.key), 'utf8'));
    for (const [name, artifact] of Object.entries(record.artifacts)) {
      if (!options.masks && name === MASK_ARTIFACT) continue;
      if (artifact.evictable === true && !(options.weights && cache.hasFile(artifact))) continue;
      await cache.verify(artifact);
      addPath(toName(relative(cache.directory, cache.artifactPath(artifact))), cache.artifactPath(artifact));
    }
  }
  addPath('pipeline.json', study.path);
  for (const path of await programFiles(study.root, stages, records)) addPath(toName(relative(study.root, path)), path);
  const sources = await sourceContents(plan, study.root, options);
  for (const [name, text] of sources.texts) addText(name, text);
  for (const [name, path] of sources.files) addPath(name, path);
  for (const path of ownFiles(study.root, plan, sources.covered)) addPath(toName(relative(study.root, path)), path);
  const lockFile = [join(packageRoot, 'package-lock.json'), join(packageRoot, '..', '.package-lock.json')].find(
    (path) => existsSync(path),
  );
  if (lockFile !== undefined) addPath('package-lock.json', lockFile);
  addText('environment.json', `${JSON.stringify(options.environment, null, 1)}\n`);
  if (options.report !== undefined)
    for (const name of filesUnder(options.report)) addPath(`report/${name}`, join(options.report, name));
  const digests = await Promise.all(
    [...files].map(
      async ([name, content]) => [name, { sha256: await digestOf(content), bytes: content.bytes }] as const,
    ),
  );
  const manifest: Manifest = {
    format: 'swp-bundle',
    version: 1,
    study: { name: study.name, profile: study.profile.name, overrides: options.overrides },
    results: options.results?.key ?? null,
    weights: options.weights,
    ...(!options.masks && { masks: false as const }),
    swp: String(options.environment.swp),
    renderer: options.renderer,
    places,
    missing,
    files: Object.fromEntries(digests),
  };
  return { manifest, files };
}

function placesOf(plan: Plan, results: CacheRecord | undefined): Pick<Manifest, 'places' | 'missing'> {
  const places: Record<string, string> = {};
  const missing: Record<string, string> = {};
  for (const { node, state } of plan.nodes.values()) {
    const gathers = Object.keys(node.gathers).length > 0;
    // Results with holes have a record of another key.
    const key = state === 'cached' ? node.key : gathers && results?.stage === node.stage.name ? results.key : undefined;
    for (const label of node.labels) {
      if (key === undefined) missing[placeOf(label)] = node.key;
      else places[placeOf(label)] = key;
    }
  }
  return { places, missing };
}

/** The records and all records that they were made from, also of nodes that the study no longer has. */
async function recordsOf(keys: Set<string>, cache: Cache): Promise<Map<string, CacheRecord>> {
  const records = new Map<string, CacheRecord>();
  const open = [...keys];
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    if (records.has(key)) continue;
    const record = await cache.record(key);
    if (record === undefined) continue; // `swp bundle verify` reports it
    records.set(key, record);
    open.push(
      ...producersOf({ inputs: inputRefs(record), gathers: gatheredRefs(record) }).map((producer) => producer.key),
    );
  }
  return records;
}

/** The programs of the study that ran as stages. */
async function programFiles(
  root: string,
  stages: StageLoader,
  records: ReadonlyMap<string, CacheRecord>,
): Promise<string[]> {
  const used = new Set([...records.values()].map(({ stage }) => stage));
  const files = new Set<string>();
  for (const name of stages.names())
    if (used.has(name))
      for (const path of (await stages.load(name)).files)
        if (statSync(path).isFile() && isSafeName(toName(relative(root, path)))) files.add(path);
  return [...files];
}

/** The files of the study that its nodes read and no stage made, but for models and texts. */
function ownFiles(root: string, plan: Plan, covered: ReadonlySet<string>): Set<string> {
  const ofSwp = join(packageRoot, 'models') + sep; // a study in swp's own folder has those as any other study has
  const paths = [...plan.nodes.values()].flatMap(({ node }) => node.files.map(({ path }) => path));
  return new Set(
    paths.filter(
      (path) =>
        !path.startsWith(ofSwp) &&
        isSafeName(toName(relative(root, path))) &&
        !covered.has(path) &&
        !path.endsWith('.safetensors'), // of a model that is not there as a whole
    ),
  );
}

/** Names of all files in a folder and below it, relative to it, with slashes as a bundle writes them. */
export function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => toName(relative(folder, join(entry.parentPath, entry.name))));
}

async function digestOf(content: Content): Promise<string> {
  return 'path' in content
    ? (await digestFile(content.path)).sha256
    : createHash('sha256').update(content.text).digest('hex');
}

function toName(path: string): string {
  return path.split(sep).join('/');
}

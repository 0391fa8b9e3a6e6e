/**
 * Makes the results again from the bundled artifacts, with the code that is installed here and never with code of the
 * bundle, and compares them with the bundled ones.
 */
import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Cache } from '../cache/cache.ts';
import type { CacheRecord } from '../cache/record.ts';
import { parseBoundedJson } from '../base/bounded-json.ts';
import { digestFile } from '../base/digest.ts';
import { differences } from '../base/json-diff.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import { SwpError } from '../base/failure.ts';
import type { KeyedParams } from '../engine/keyed-params.ts';
import type { GatheredRef, PlannedNode } from '../engine/node.ts';
import { execute, resourcesOf, type Executor, type Slot } from '../engine/executor.ts';
import { prepareJob, verifiedArtifacts } from '../engine/prepare-job.ts';
import { placeOf } from '../engine/stage.ts';
import { StageLoader, type LoadedStage } from '../engine/stage-loader.ts';
import { RESULTS_ARTIFACT } from '../report/read-results.ts';
import { relativeDifference } from '../verify/relative-difference.ts';
import type { CheckResult, Finding } from './finding.ts';
import { MASK_ARTIFACT, type Manifest } from './manifest.ts';
import { takeMaskParts } from './mask-parts.ts';
import { gatheredItems, inputRefs } from '../verify/preimage.ts';

/** Other code may add numbers in another order, which changes them less than this; a change by hand is larger. */
const TOLERANCE = 1e-9;
const SHOWN = 5;
/**
 * @param cache the unpacked bundle
 * @param options.openExecutor is asked for an executor if there are results to make again
 * @param options.keyed what the bundled study calls that which keys only know by what it is
 */
export async function checkResults(
  manifest: Manifest,
  records: ReadonlyMap<string, CacheRecord>,
  cache: Cache,
  { openExecutor, keyed }: { openExecutor: () => Executor<Slot>; keyed: KeyedParams },
): Promise<CheckResult> {
  const record = manifest.results === null ? undefined : records.get(manifest.results);
  const bundled = record?.artifacts[RESULTS_ARTIFACT];
  if (record === undefined || bundled === undefined)
    return { findings: [], said: ['no results: nothing to make again'] };
  const stage = await installedStage(record.stage);
  if (stage === undefined)
    return {
      findings: [],
      said: [
        `${record.stage} was not run again: it is no stage of this swp, and code of a bundle is not run (--recompute runs it)`,
      ],
    };
  const outputs = await cache.scratch.node();
  const executor = openExecutor();
  try {
    const node = nodeOf(record, stage, manifest, keyed);
    const gathered = new Set(
      Object.values(gatheredItems(record)).flatMap((items) => items.flatMap(({ key }) => key ?? [])),
    );
    const findArtifact = verifiedArtifacts(cache, (key) => (gathered.has(key) ? records.get(key) : undefined));
    const prepared = await prepareJob(node, outputs, StageLoader.installed(), findArtifact);
    const job = { ...prepared, root: cache.directory };
    const outcome = await execute(executor, { place: record.stage, resources: resourcesOf(node) }, job);
    const sameCode = stage.code === (record.environment.code ?? record.preimage.code);
    const pieces = Object.values(job.gathered)
      .flat()
      .filter(({ path }) => path !== undefined)
      .length.toLocaleString('en');
    if (outcome.kind !== 'done') {
      const message = 'message' in outcome ? outcome.message : 'its process ended without an answer';
      return sameCode
        ? finding(`${record.stage} fails on the bundled artifacts: ${message}`)
        : {
            findings: [],
            unchecked: true,
            // What it did not foresee (a property of undefined) would tell nobody anything.
            said: [
              `${record.stage} is of another version here, and cannot read the bundled artifacts${'cause' in outcome && outcome.cause !== undefined ? `: ${message}` : ''}`,
            ],
          };
    }
    const [before, after] = [cache.artifactPath(bundled), job.outputs[RESULTS_ARTIFACT]!];
    if (manifest.masks === false) await takeMaskParts(before, after);
    const butFor = manifest.masks === false ? ', but for what follows from masks, which it is without' : '';
    if ((await digestFile(after)).sha256 === bundled.sha256)
      return {
        findings: [],
        said: [`${record.stage} run again on ${pieces} bundled artifacts: the same results, bit for bit${butFor}`],
      };
    if (sameCode)
      return finding(
        `${record.stage} makes other results of the bundled artifacts: ${await firstDifferences(before, after)}`,
      );
    const distance = await relativeDifference(before, after).catch(() => Infinity);
    if (distance <= TOLERANCE)
      return {
        findings: [],
        said: [
          `${record.stage} is of another version here; run again on ${pieces} bundled artifacts, it makes the same results within ${TOLERANCE}${butFor}`,
        ],
      };
    return {
      findings: [],
      unchecked: true,
      said: [
        `${record.stage} is of another version here, and its results say other things: ${await firstDifferences(before, after)}. The version that wrote the bundle (${manifest.swp}) can tell whether they are right`,
      ],
    };
  } finally {
    await executor.close();
    rmSync(outputs, { recursive: true, force: true });
    await cache.scratch.clear();
  }
}

async function installedStage(name: string): Promise<LoadedStage | undefined> {
  try {
    return await StageLoader.installed().load(name);
  } catch (error) {
    if (error instanceof SwpError) return undefined;
    throw error;
  }
}

/** The node as it was planned when the record was made, but for masks that the bundle is without. */
function nodeOf(
  record: CacheRecord,
  { definition }: LoadedStage,
  { missing, places, masks }: Manifest,
  keyed: KeyedParams,
): PlannedNode {
  const isThere = ({ artifact }: { artifact: string }) => masks !== false || artifact !== MASK_ARTIFACT;
  const gathers = Object.entries(gatheredItems(record)).map(([name, items]) => [
    name,
    items.filter(isThere).map(({ label, stage, artifact, key }): GatheredRef => ({
      label,
      stage,
      artifact,
      // What is missing there may have come later, and is in the bundle.
      key: key ?? missing[placeOf(label)] ?? places[placeOf(label)] ?? '',
    })),
  ]);
  return {
    key: record.key,
    stage: definition,
    params: keyed.declared(definition.name, record.preimage.params as JsonObject),
    inputs: inputRefs(record),
    gathers: Object.fromEntries(gathers) as Record<string, GatheredRef[]>,
    files: [],
    labels: [],
    preimage: record.preimage,
  };
}

async function firstDifferences(before: string, after: string): Promise<string> {
  const [a, b] = await Promise.all(
    [before, after].map(async (path) => parseBoundedJson(await readFile(path, 'utf8')) as JsonValue),
  ).catch(() => []);
  if (a === undefined || b === undefined) return 'they are no JSON that can be compared';
  const found = differences(a, b);
  const shown = found
    .slice(0, SHOWN)
    .map(
      ({ path, before: bundled, after: made }) =>
        `${path} is ${shorten(bundled)} in the bundle and ${shorten(made)} here`,
    );
  return [...shown, ...(found.length > SHOWN ? [`and ${found.length - SHOWN} more`] : [])].join('; ');
}

function shorten(value: JsonValue | undefined): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function finding(message: string): CheckResult {
  const of: Finding = { check: 'results', where: 'results.json', message };
  return { findings: [of], said: [] };
}

/**
 * Checks what records say against themselves and one another: every key is the hash of its pre-image, every input is an
 * artifact of the record that its key names, and every artifact that is kept for ever is there. Recomputes nothing.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRecord, type CacheRecord } from '../cache/record.ts';
import { SwpError } from '../base/failure.ts';
import { canonicalJson, type JsonValue } from '../base/json.ts';
import { digestJson } from '../base/digest.ts';
import { placeOf } from '../engine/stage.ts';
import type { CheckResult, Finding } from './finding.ts';
import type { Manifest } from './manifest.ts';
import { gatheredItems, inputRefs, type GatheredItem } from './preimage.ts';
import { artifactDigest, artifactName, recordName } from '../cache/layout.ts';

/** What the two pre-images of a record have in common. */
const COMMON = ['version', 'stage', 'code', 'computes', 'params', 'files'] as const;

export interface CheckedRecords extends CheckResult {
  /** By key; those that cannot be read are missing. */
  records: Map<string, CacheRecord>;
}

/**
 * @param folder of the unpacked bundle
 * @param installed names of swp's own stages, whose metrics say what their artifacts say under the same names
 */
export function checkRecords(manifest: Manifest, folder: string, installed: ReadonlySet<string>): CheckedRecords {
  const findings: Finding[] = [];
  const records = readRecords(manifest, folder, findings);
  const placeOfKey = new Map(Object.entries(manifest.places).map(([place, key]) => [key, place]));
  const named = (key: string) => placeOfKey.get(key) ?? recordName(key);
  for (const record of records.values()) {
    checkKeys(record, findings);
    checkLineage(record, { records, named, manifest }, findings);
    checkArtifacts(record, { named, manifest }, findings);
    if (installed.has(record.stage)) checkMetrics(record, { named, manifest, folder }, findings);
  }
  for (const [place, key] of Object.entries(manifest.places))
    if (!records.has(key))
      findings.push({ check: 'records', where: place, message: `its record ${key.slice(0, 12)} is not there` });
  checkArtifactNames(manifest, records, findings);
  return {
    findings,
    records,
    said: [
      `${records.size.toLocaleString('en')} records: keys re-derived from their pre-images, inputs followed to the artifacts that they name`,
    ],
  };
}

function readRecords({ files }: Manifest, folder: string, findings: Finding[]): Map<string, CacheRecord> {
  const records = new Map<string, CacheRecord>();
  for (const name of Object.keys(files)) {
    const key = /^records\/[0-9a-f]{2}\/([0-9a-f]{64})\.json$/.exec(name)?.[1];
    if (key === undefined || recordName(key) !== name) continue;
    try {
      records.set(key, parseRecord(readFileSync(join(folder, name), 'utf8'), name, key));
    } catch (error) {
      if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw error;
      findings.push({ check: 'records', where: name, message: error.failure.message });
    }
  }
  return records;
}

function checkKeys(record: CacheRecord, findings: Finding[]): void {
  const where = recordName(record.key);
  const { preimage, contentPreimage } = record;
  if (digestJson(preimage) !== record.key)
    findings.push({
      check: 'records',
      where,
      message: `its key is not the hash of its pre-image, which is ${digestJson(preimage).slice(0, 12)}...`,
    });
  if (digestJson(contentPreimage) !== record.contentKey)
    findings.push({ check: 'records', where, message: 'its content key is not the hash of its content pre-image' });
  if (record.stage !== preimage.stage)
    findings.push({
      check: 'records',
      where,
      message: `it calls itself ${record.stage}, and its pre-image says ${String(preimage.stage)}`,
    });
  for (const part of COMMON)
    if (canonicalJson(preimage[part] as JsonValue) !== canonicalJson(contentPreimage[part] as JsonValue))
      findings.push({ check: 'records', where, message: `its two pre-images differ in "${part}"` });
}

interface Context {
  records: ReadonlyMap<string, CacheRecord>;
  named(key: string): string;
  manifest: Manifest;
}

/** Checks that what a record consumed is what the records of its producers say that they made. */
function checkLineage(record: CacheRecord, { records, named, manifest }: Context, findings: Finding[]): void {
  const where = named(record.key);
  const consumed = (input: string, key: string, artifact: string, sha256: string | undefined) => {
    const producer = records.get(key);
    const made = producer?.artifacts[artifact];
    if (producer === undefined)
      findings.push({
        check: 'lineage',
        where,
        message: `its input "${input}" is of the record ${key.slice(0, 12)}, which is not there`,
      });
    else if (made === undefined)
      findings.push({
        check: 'lineage',
        where,
        message: `its input "${input}" is "${artifact}" of ${named(key)}, which made none`,
      });
    else if (made.sha256 !== sha256)
      findings.push({
        check: 'lineage',
        where,
        message: `its input "${input}" was ${String(sha256).slice(0, 12)}; "${artifact}" of ${named(key)} is ${made.sha256.slice(0, 12)}`,
      });
  };
  const byContent = record.contentPreimage as unknown as {
    inputs: Record<string, { sha256?: string }>;
    gathers: Record<string, GatheredItem[]>;
  };
  const inputs = inputRefs(record);
  if (!sameNames(inputs, byContent.inputs))
    findings.push({ check: 'lineage', where, message: 'its two pre-images have different inputs' });
  for (const [name, { key, artifact }] of Object.entries(inputs))
    consumed(name, key, artifact, byContent.inputs[name]?.sha256);
  for (const [name, items] of Object.entries(gatheredItems(record))) {
    const contents = byContent.gathers[name] ?? [];
    if (contents.length !== items.length)
      findings.push({ check: 'lineage', where, message: `its two pre-images gather different "${name}"` });
    for (const [index, { key, artifact, label, missing }] of items.entries()) {
      const place = placeOf(label);
      if (missing === true) continue;
      if (key === undefined)
        findings.push({ check: 'lineage', where, message: `it gathers "${name}" of ${place} from no record` });
      else consumed(`${name} of ${place}`, key, artifact, contents[index]?.sha256);
      if (record.key === manifest.results && key !== undefined && manifest.places[place] !== key)
        findings.push({
          check: 'lineage',
          where,
          message: `it gathers "${name}" of ${place} from ${key.slice(0, 12)}; the bundle says that this place has ${manifest.places[place]?.slice(0, 12) ?? 'no result'}`,
        });
    }
  }
}

function checkArtifacts(
  { key, artifacts }: CacheRecord,
  { named, manifest }: Pick<Context, 'named' | 'manifest'>,
  findings: Finding[],
): void {
  for (const [name, artifact] of Object.entries(artifacts)) {
    const file = artifactName(artifact);
    const there = Object.hasOwn(manifest.files, file) ? manifest.files[file] : undefined;
    if (there === undefined && artifact.evictable !== true)
      findings.push({ check: 'records', where: named(key), message: `its artifact "${name}", ${file}, is not there` });
    if (there !== undefined && there.bytes !== artifact.bytes)
      findings.push({
        check: 'records',
        where: named(key),
        message: `its artifact "${name}" had ${artifact.bytes} bytes; ${file} has ${there.bytes}`,
      });
  }
}

/** No hash covers metrics. Where an artifact of the node has a number of the same name, the two must be equal. */
function checkMetrics(
  { key, artifacts, metrics }: CacheRecord,
  { named, manifest, folder }: Pick<Context, 'named' | 'manifest'> & { folder: string },
  findings: Finding[],
): void {
  for (const [name, artifact] of Object.entries(artifacts)) {
    const file = artifactName(artifact);
    if (!file.endsWith('.json') || !Object.hasOwn(manifest.files, file)) continue;
    const content = parsed(join(folder, file));
    for (const [metric, value] of Object.entries(metrics)) {
      const said = Object.hasOwn(content, metric) ? content[metric] : undefined;
      if (typeof value === 'number' && typeof said === 'number' && value !== said)
        findings.push({
          check: 'records',
          where: named(key),
          message: `its metric "${metric}" is ${value}; its artifact "${name}" says ${said}`,
        });
    }
  }
}

function parsed(path: string): Record<string, unknown> {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as unknown;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {}; // damaged, or not there: checkFiles reports it
  }
}

/** Finds artifacts whose name is not their content's digest, and artifacts that no record names. */
function checkArtifactNames({ files }: Manifest, records: ReadonlyMap<string, CacheRecord>, findings: Finding[]): void {
  const known = new Set([...records.values()].flatMap(({ artifacts }) => Object.values(artifacts).map(artifactName)));
  for (const [name, { sha256 }] of Object.entries(files)) {
    if (!name.startsWith('artifacts/')) continue;
    if (!known.has(name)) findings.push({ check: 'records', where: name, message: 'no record names it' });
    else if (artifactDigest(name) !== sha256)
      findings.push({ check: 'files', where: name, message: `its SHA-256 is ${sha256}, and not its name` });
  }
}

function sameNames(a: object, b: object): boolean {
  return Object.keys(a).sort().join('\n') === Object.keys(b).sort().join('\n');
}

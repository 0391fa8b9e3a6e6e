/**
 * Checks what a bundle's records say against themselves and one another, by the list in ../verify/record-checks.ts, and
 * that every artifact that is kept for ever is there. Recomputes nothing.
 */
import { join } from 'node:path';
import { readStoredRecord, type CacheRecord, type UnsealedRecord } from '../cache/record.ts';
import { SwpError } from '../base/failure.ts';
import { entryOf } from '../base/json.ts';
import { placeOf } from '../engine/stage.ts';
import type { CheckResult, Finding } from './finding.ts';
import { MASK_ARTIFACT, type Manifest } from './manifest.ts';
import { gatheredItems } from '../verify/preimage.ts';
import { consumedBy, contradiction, jsonIn, metricProblems, problemsOf } from '../verify/record-checks.ts';
import { artifactDigest, artifactName, recordName } from '../cache/layout.ts';

export interface CheckedRecords extends CheckResult {
  /** By key; those that cannot be read, or contradict themselves, are missing. */
  records: Map<string, CacheRecord>;
}

/**
 * @param folder of the unpacked bundle
 * @param installed names of swp's own stages, whose metrics say what their artifacts say under the same names
 */
export function checkRecords(manifest: Manifest, folder: string, installed: ReadonlySet<string>): CheckedRecords {
  const findings: Finding[] = [];
  const placeOfKey = new Map(Object.entries(manifest.places).map(([place, key]) => [key, place]));
  const named = (key: string) => placeOfKey.get(key) ?? recordName(key);
  const { records, unsealed } = readRecords(manifest, folder, named, findings);
  for (const record of records.values()) {
    checkLineage(record, { records, named, manifest }, findings);
    checkArtifacts(record, { named, manifest }, findings);
    if (installed.has(record.stage)) checkMetrics(record, { named, manifest, folder }, findings);
  }
  for (const [place, key] of Object.entries(manifest.places))
    if (!records.has(key))
      findings.push({ check: 'records', where: place, message: `its record ${key.slice(0, 12)} is not there` });
  checkArtifactNames(manifest, records, findings);
  const count = (of: number) => of.toLocaleString('en');
  return {
    findings,
    records,
    said: [
      `${count(records.size)} records: keys re-derived from their pre-images, inputs followed to the artifacts that they name`,
      ...(unsealed > 0
        ? [`${count(unsealed)} of them are of an earlier version of swp, which gave records no checksum of their own`]
        : []),
    ],
  };
}

function readRecords(
  { files }: Manifest,
  folder: string,
  named: (key: string) => string,
  findings: Finding[],
): { records: Map<string, CacheRecord>; unsealed: number } {
  const records = new Map<string, CacheRecord>();
  let unsealed = 0;
  for (const name of Object.keys(files)) {
    const key = /^records\/[0-9a-f]{2}\/([0-9a-f]{64})\.json$/.exec(name)?.[1];
    if (key === undefined || recordName(key) !== name) continue;
    const record = readRecord(join(folder, name), key, name, findings);
    if (record === undefined) continue;
    const problems = problemsOf(record);
    for (const { check, message } of problems)
      findings.push({ check, where: check === 'records' ? name : named(key), message });
    if (problems.length > 0) continue;
    if (!('checksum' in record)) unsealed++;
    records.set(key, record as CacheRecord);
  }
  return { records, unsealed };
}

/** The whole archive has a digest, so that a record without a checksum of its own is checked as well. */
function readRecord(path: string, key: string, name: string, findings: Finding[]): UnsealedRecord | undefined {
  try {
    const stored = readStoredRecord(path, key);
    if (stored === undefined) return undefined; // checkFiles reports it
    if ('record' in stored) return stored.record;
    findings.push({ check: 'records', where: name, message: 'it is of a later version of swp' });
  } catch (error) {
    if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw error;
    findings.push({ check: 'records', where: name, message: error.failure.message });
  }
  return undefined;
}

interface Context {
  records: ReadonlyMap<string, CacheRecord>;
  named(key: string): string;
  manifest: Manifest;
}

/** Checks that what a record consumed is what the records of its producers say that they made. */
function checkLineage(record: CacheRecord, { records, named, manifest }: Context, findings: Finding[]): void {
  const where = named(record.key);
  for (const consumed of consumedBy(record)) {
    const producer = records.get(consumed.key);
    if (producer === undefined) {
      const message = `its input "${consumed.input}" is of the record ${consumed.key.slice(0, 12)}, which is not there`;
      findings.push({ check: 'lineage', where, message });
      continue;
    }
    const made = entryOf(producer.artifacts, consumed.artifact);
    const problem = contradiction(consumed, made === undefined ? [] : [made.sha256], named(consumed.key));
    if (problem !== undefined) findings.push({ ...problem, where });
  }
  if (record.key !== manifest.results) return;
  for (const [name, items] of Object.entries(gatheredItems(record)))
    for (const { key, label } of items) {
      const place = placeOf(label);
      const there = entryOf(manifest.places, place);
      if (key !== undefined && there !== key)
        findings.push({
          check: 'lineage',
          where,
          message: `it gathers "${name}" of ${place} from ${key.slice(0, 12)}; the bundle says that this place has ${there?.slice(0, 12) ?? 'no result'}`,
        });
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
    const leftOut = artifact.evictable === true || (manifest.masks === false && name === MASK_ARTIFACT);
    if (there === undefined && !leftOut)
      findings.push({ check: 'records', where: named(key), message: `its artifact "${name}", ${file}, is not there` });
    if (there !== undefined && manifest.masks === false && name === MASK_ARTIFACT)
      findings.push({
        check: 'records',
        where: named(key),
        message: `its mask, ${file}, is in a bundle without masks`,
      });
    if (there !== undefined && there.bytes !== artifact.bytes)
      findings.push({
        check: 'records',
        where: named(key),
        message: `its artifact "${name}" had ${artifact.bytes} bytes; ${file} has ${there.bytes}`,
      });
  }
}

/** A record's checksum says that nobody changed it by accident; this, that its metrics are what was measured. */
function checkMetrics(
  record: CacheRecord,
  { named, manifest, folder }: Pick<Context, 'named' | 'manifest'> & { folder: string },
  findings: Finding[],
): void {
  for (const [name, artifact] of Object.entries(record.artifacts)) {
    const file = artifactName(artifact);
    if (!file.endsWith('.json') || !Object.hasOwn(manifest.files, file)) continue;
    for (const message of metricProblems(record, name, jsonIn(join(folder, file))))
      findings.push({ check: 'records', where: named(record.key), message });
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

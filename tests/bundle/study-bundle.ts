/** A bundle of a small real study, made once, and ways to make others of it. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { packTar, unpackTar } from 'modern-tar';
import { sealedJson } from '../../src/base/sealed-json.ts';

export type Files = Map<string, Buffer>;

export async function unpack(bundle: string): Promise<Files> {
  const entries = await unpackTar(gunzipSync(await readFile(bundle)));
  return new Map(entries.map(({ header, data }) => [header.name, Buffer.from(data ?? new Uint8Array())]));
}

export async function pack(path: string, files: Files): Promise<string> {
  const tar = await packTar(
    [...files].map(([name, body]) => ({
      header: { name, size: body.length, mtime: new Date(0) },
      body: new Uint8Array(body),
    })),
  );
  await writeFile(path, gzipSync(tar));
  return path;
}

/** As a forger would who knows the format: the manifest says of every file what it is now. */
export function fixManifest(files: Files): void {
  const manifest = json<{ files: Record<string, { sha256: string; bytes: number }> }>(files, 'manifest.json');
  manifest.files = Object.fromEntries(
    [...files]
      .filter(([name]) => name !== 'manifest.json')
      .map(([name, body]) => [name, { sha256: sha256(body), bytes: body.length }]),
  );
  put(files, 'manifest.json', manifest);
}

export function json<Value = Record<string, unknown>>(files: Files, name: string): Value {
  return JSON.parse(files.get(name)!.toString('utf8')) as Value;
}

/** As a forger would who knows the format: a record's checksum fits. */
export function put(files: Files, name: string, value: unknown): void {
  files.set(name, Buffer.from(typeof value === 'string' ? value : textOf(name, value as object)));
}

function textOf(name: string, value: object): string {
  if (!name.startsWith('records/')) return `${JSON.stringify(value)}\n`;
  const { checksum: _, ...content } = value as { checksum?: string };
  return sealedJson(content);
}

export interface BundledRecord {
  key: string;
  stage: string;
  contentKey: string;
  preimage: Record<string, unknown> & { params: Record<string, unknown> };
  contentPreimage: Record<string, unknown> & {
    gathers: Record<string, { label: { step: string; seed: number; round: number }; sha256: string }[]>;
  };
  artifacts: Record<string, { sha256: string; bytes: number; file: string }>;
  metrics: Record<string, number>;
}

/** The record of a place, such as A1/s0/r1/eval-trained, and its name in the bundle. */
export function recordOf(files: Files, place: string): { name: string; record: BundledRecord } {
  const key = json<{ places: Record<string, string> }>(files, 'manifest.json').places[place]!;
  const name = `records/${key.slice(0, 2)}/${key}.json`;
  return { name, record: json<BundledRecord>(files, name) };
}

/** Changes an artifact of a record, gives it the name of its new content, and lets the record name that. */
export function forgeArtifact(
  files: Files,
  place: string,
  artifact: string,
  change: (text: string) => string,
): { before: string; after: string } {
  const { name, record } = recordOf(files, place);
  const entry = record.artifacts[artifact]!;
  const before = entry.sha256;
  const old = artifactName(before);
  const body = Buffer.from(change(files.get(old)!.toString('utf8')));
  files.delete(old);
  Object.assign(entry, { sha256: sha256(body), bytes: body.length });
  files.set(artifactName(entry.sha256), body);
  put(files, name, record);
  return { before, after: entry.sha256 };
}

export function artifactName(digest: string): string {
  return `artifacts/${digest.slice(0, 2)}/${digest}.json`;
}

function sha256(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}

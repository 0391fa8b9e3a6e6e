/**
 * Where records, artifacts and studies lie in a cache, and what is there. Names are relative to the cache and have
 * slashes on every system: a bundle has the same ones, so that an unpacked bundle is a cache.
 */
import { lstatSync, readdirSync, statSync, type Dirent } from 'node:fs';
import { extname, join } from 'node:path';
import { fileFailure, isAbsent } from '../base/file-failure.ts';

/** Folders by content. The stores in them know their own files. */
export const FOLDERS = ['artifacts', 'records', 'contents', 'trajectories', 'leases', 'studies', 'logs', 'tmp'];

/** Whether a folder is a cache: it has had records, if none of them is left. */
export function isCache(folder: string): boolean {
  try {
    return statSync(join(folder, 'records'), { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    // It may be one where this user may not look, which whoever reads it says.
    return !isAbsent(error);
  }
}

/** `records/cd/cd34....json` */
export function recordName(key: string): string {
  return sharded('records', key, '.json');
}

/** `contents/ef/ef56....json` */
export function contentName(contentKey: string): string {
  return sharded('contents', contentKey, '.json');
}

/** `artifacts/ab/ab12....safetensors`: the extension stays, so that other programs can open it. */
export function artifactName({ sha256, file }: { sha256: string; file: string }): string {
  return sharded('artifacts', sha256, extname(file));
}

/** The content's digest in the name of an artifact; undefined for another name. */
export function artifactDigest(name: string): string | undefined {
  return /^artifacts\/([0-9a-f]{2})\/(\1[0-9a-f]{62})(\.[A-Za-z0-9]+)?$/.exec(name)?.[2];
}

/** A folder of many files is divided by the first two digits: some file systems are slow with a hundred thousand. */
function sharded(folder: string, digest: string, extension: string): string {
  return `${folder}/${digest.slice(0, 2)}/${digest}${extension}`;
}

/**
 * Keys of the records that there are, sorted. Lazily, shard by shard: many readers need a few.
 * @param shard two digits: those that begin so
 */
export function* recordKeys(cache: string, shard?: string): Generator<string> {
  for (const { key, aside } of recordFiles(cache, shard)) if (!aside) yield key;
}

export interface RecordFile {
  path: string;
  key: string;
  /** Whether another record of the key took its place. */
  aside: boolean;
}

/**
 * All that lies in the place of a record, also of those that were replaced and are kept aside. Whoever reads it finds
 * out whether it is one: a link, say, is damage.
 */
export function* recordFiles(cache: string, shard?: string): Generator<RecordFile> {
  const folder = join(cache, 'records');
  for (const each of shard === undefined ? namesIn(folder) : [shard])
    for (const { name } of entriesIn(join(folder, each))) {
      const [, key, digest] = /^([0-9a-f]{64})(\.[0-9a-f]+)?\.json$/.exec(name) ?? [];
      if (key !== undefined) yield { path: join(folder, each, name), key, aside: digest !== undefined };
    }
}

export interface StoredArtifact {
  path: string;
  sha256: string;
  bytes: number;
  mtimeMs: number;
  /** Another one than before where the file was made anew. */
  inode: number;
}

/** All artifacts, whether a record names them or not. */
export function artifactFiles(cache: string): StoredArtifact[] {
  return namesIn(join(cache, 'artifacts')).flatMap((shard) =>
    namesIn(join(cache, 'artifacts', shard)).flatMap((file) => {
      const name = `artifacts/${shard}/${file}`;
      const sha256 = artifactDigest(name);
      const path = join(cache, name);
      const found = sha256 === undefined ? undefined : lstatSync(path, { throwIfNoEntry: false });
      return found?.isFile()
        ? [{ path, sha256: sha256!, bytes: found.size, mtimeMs: found.mtimeMs, inode: found.ino }]
        : [];
    }),
  );
}

/** Folders of all studies that use a cache (study-state.ts says what is in them). */
export function studyFolders(cache: string): string[] {
  const folder = join(cache, 'studies');
  return namesIn(folder).map((name) => join(folder, name));
}

/**
 * Names in a folder of the cache, sorted; none where there is no such folder. Links are passed over: they may lead out
 * of the cache.
 * @throws SwpError of kind `file` if it cannot be read
 */
export function namesIn(folder: string): string[] {
  return entriesIn(folder).flatMap((entry) => (entry.isSymbolicLink() ? [] : [entry.name]));
}

/** The same with whatever is there, links and all. */
export function entriesIn(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (isAbsent(error)) return [];
    throw fileFailure(error, folder, 'read');
  }
}

/** The study whose bundles and reports are committed in docs/study: its results, as the bundles have them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import { MANIFEST, type Manifest } from '../../src/bundle/manifest.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import type { CacheRecord } from '../../src/cache/record.ts';
import type { StudyResults } from '../../src/report/read-results.ts';
import { NotMeasured } from './measured.ts';

/** From the project's folder. */
export const STUDY_FOLDER = 'docs/study';

const ENDING = '.tar.br';
const RESULTS = 'report/results.json';

/** What of a bundle the pages quote. */
export interface CommittedBundle {
  readonly manifest: Manifest;
  readonly results: StudyResults;
  /** By key. */
  readonly records: ReadonlyMap<string, CacheRecord>;
}

/** Paths of all bundles, from the project's folder. */
export function bundlePaths(): string[] {
  return readdirSync(join(packageRoot, STUDY_FOLDER))
    .filter((name) => name.endsWith(ENDING))
    .map((name) => `${STUDY_FOLDER}/${name}`)
    .sort();
}

const known = new Map<string, Promise<CommittedBundle>>();

/**
 * @param name of the bundle's file, without its ending
 * @throws NotMeasured if it is not there
 */
export function committedBundle(name: string): Promise<CommittedBundle> {
  const path = join(packageRoot, STUDY_FOLDER, `${name}${ENDING}`);
  if (!existsSync(path)) throw new NotMeasured(`${STUDY_FOLDER} has no ${name}${ENDING}: swp bundle --profile ${name}`);
  const found = known.get(name) ?? readBundle(path);
  known.set(name, found);
  return found;
}

export async function studyResults(name: string): Promise<StudyResults> {
  return (await committedBundle(name)).results;
}

async function readBundle(path: string): Promise<CommittedBundle> {
  const entries = await unpackTar(brotliDecompressSync(readFileSync(path)), {
    filter: ({ name }) => name === MANIFEST || name === RESULTS || name.startsWith('records/'),
  });
  const files = new Map(
    entries.map(({ header, data }) => [header.name, JSON.parse(new TextDecoder().decode(data)) as unknown]),
  );
  const records = [...files].flatMap(([name, content]) =>
    name.startsWith('records/') ? [content as CacheRecord] : [],
  );
  return {
    manifest: files.get(MANIFEST) as Manifest,
    results: files.get(RESULTS) as StudyResults,
    records: new Map(records.map((record) => [record.key, record])),
  };
}

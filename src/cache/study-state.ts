/**
 * What one study remembers in a cache that others may share, under `studies/SHA-256 of its pipeline.json's path/`. Of a
 * cache inside the study's folder that path is relative to the cache, so that a copy of both, at another place,
 * remembers the same:
 * - `ledger.json`: the key that each place of the study ("A1/s0/r2/train") had last, which tells a changed node from a
 *   new one. Each profile has its own, `ledger-PROFILE.json`: another size of the study is not a change of it. If it is
 *   lost, only explanations are.
 * - `begun.json`, `begun-PROFILE.json`: the keys of all nodes of the last run that began, so that `swp gc` keeps what a
 *   run has made that has not ended, or was killed.
 * - `tombstones/RECORD-ID.json`: records that `swp invalidate` dismissed, for this study only. A tombstone names one
 *   record by its id, so the record that a rerun publishes under the same key counts again.
 * - `slurm/ID/`: what was sent to a cluster, and what its jobs wrote (src/engine/executors/slurm/submission.ts).
 */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import type { Cache } from './cache.ts';
import type { Failure } from '../base/failure.ts';
import { fileFailure, isAbsent } from '../base/file-failure.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import { isWithin, realPath } from '../base/real-path.ts';
import { namesIn, studyFolders } from './layout.ts';
import { readNote, writeNote } from './note.ts';
import { rootKeys } from './root-keys.ts';

export interface Tombstone {
  /** Id of the dismissed record. */
  recordId: string;
  key: string;
  /** Where in the study it was dismissed, such as `A1/s0/r2/prune`. */
  places: string[];
  why?: string;
  /** ISO 8601. */
  at: string;
}

export interface Ledger {
  /** The study's pipeline.json as it was called then, for people who look into the cache. */
  pipeline: string;
  /** What tells the study from others in the cache: `identityOf`. */
  identity: string;
  /** By place, such as `A1/s0/r2/train`: the key that it had last. */
  places: Record<string, string>;
}

interface FoundLedger {
  ledger: Ledger;
  damages: Failure[];
}

export class StudyState {
  readonly #directory: string;
  readonly #pipeline: string;
  readonly #identity: string;
  readonly #cache: Cache;
  readonly #profile: string | undefined;
  readonly #places: Map<string, string>;
  /** What this process has settled since the ledger was read or written. */
  readonly #settled = new Map<string, string>();
  readonly #tombstones: Map<string, Tombstone>;
  /** Of what this study remembers: what is damaged, and counts as forgotten. */
  readonly damages: readonly Failure[];

  private constructor(
    cache: Cache,
    directory: string,
    profile: string | undefined,
    { ledger, damages }: FoundLedger,
    tombstones: Tombstone[],
  ) {
    this.damages = damages;
    this.#cache = cache;
    this.#directory = directory;
    this.#profile = profile;
    this.#pipeline = ledger.pipeline;
    this.#identity = ledger.identity;
    this.#places = new Map(Object.entries(ledger.places));
    this.#tombstones = new Map(tombstones.map((tombstone) => [tombstone.recordId, tombstone]));
  }

  /**
   * @param pipeline path of the study's pipeline.json
   * @param profile name of a size of the study; its places are remembered apart from those of other sizes
   * @throws SwpError of kind `file`
   */
  static async open(cache: Cache, pipeline: string, profile?: string): Promise<StudyState> {
    const absolute = resolve(pipeline);
    const directory = studyFolder(cache.directory, pipeline);
    const ledger = readLedger(join(directory, fileOf('ledger', profile)), cache.directory, absolute);
    const tombstones = await readTombstones(directory);
    return new StudyState(cache, directory, profile, ledger, tombstones);
  }

  /**
   * What other studies of this cache had at their places: this study elsewhere, perhaps, of which this is a copy. Other
   * sizes of this study are not among them.
   */
  ofOthers(): Ledger[] {
    return studyFolders(this.#cache.directory)
      .filter((folder) => folder !== this.#directory)
      .flatMap((folder) => namesIn(folder).flatMap((name) => (LEDGER.test(name) ? [join(folder, name)] : [])))
      .flatMap((path) => {
        const note = readNote(path);
        return 'value' in note ? [ledgerIn(note.value)] : [];
      });
  }

  /** Keys that other studies of this cache refer to, or other sizes of this one. */
  keysOfOthers(): Set<string> {
    const own = (['ledger', 'begun'] as const).map((what) => join(this.#directory, fileOf(what, this.#profile)));
    return rootKeys(this.#cache.directory, new Set(own));
  }

  /** The key that a place had in the last run that has a result there. */
  lastKey(place: string): string | undefined {
    return this.#places.get(place);
  }

  /** Every place that ever had a result, with its last key. */
  places(): ReadonlyMap<string, string> {
    return this.#places;
  }

  /** Remembers a place's key; `save` makes it last. */
  settle(place: string, key: string): void {
    if (this.#places.get(place) === key) return;
    this.#places.set(place, key);
    this.#settled.set(place, key);
  }

  /** The tombstone of a record in this study. */
  dismissed(recordId: string): Tombstone | undefined {
    return this.#tombstones.get(recordId);
  }

  /** Lays a tombstone on a record, for this study only; lasting at once. */
  async dismiss(record: { id: string; key: string }, places: string[], why?: string): Promise<Tombstone> {
    const tombstone: Tombstone = {
      recordId: record.id,
      key: record.key,
      places,
      ...(why !== undefined && { why }),
      at: new Date().toISOString(),
    };
    await this.#write(join('tombstones', `${record.id}.json`), tombstone, { indent: 1 });
    this.#tombstones.set(record.id, tombstone);
    return tombstone;
  }

  /** Remembers the keys of a run that begins; lasting at once. */
  async begin(keys: Iterable<string>): Promise<void> {
    const name = fileOf('begun', this.#profile);
    await this.#write(name, { pipeline: this.#pipeline, keys: [...keys] }, { durable: false });
  }

  /** Writes what has been settled into the ledger. Other runs of the study may have written theirs meanwhile. */
  async save(): Promise<void> {
    if (this.#settled.size === 0) return;
    const name = fileOf('ledger', this.#profile);
    const { ledger } = readLedger(join(this.#directory, name), this.#cache.directory, this.#pipeline);
    const places = Object.fromEntries([...Object.entries(ledger.places), ...this.#settled]);
    const identity = this.#identity;
    await this.#write(name, { pipeline: this.#pipeline, identity, places } satisfies Ledger, { indent: 1 });
    this.#settled.clear();
  }

  async #write(name: string, value: object, options: { durable?: boolean; indent?: number }): Promise<void> {
    const path = join(this.#directory, name);
    const { directory, scratch } = this.#cache;
    try {
      await writeNote(path, value, { cache: directory, scratch: await scratch.directory(), ...options });
    } catch (error) {
      throw fileFailure(error, path, 'write');
    }
  }
}

const LEDGER = /^ledger(-.+)?\.json$/;

/** Each profile has its own. */
function fileOf(what: 'ledger' | 'begun', profile: string | undefined): string {
  return profile === undefined ? `${what}.json` : `${what}-${profile}.json`;
}

/** In a study's folder: what was sent to a cluster. */
export const SUBMISSIONS = 'slurm';

/** Whether a study has ever sent anything to a cluster, as far as the cache has it. */
export function hasSubmissions(cache: string, pipeline: string): boolean {
  return namesIn(join(studyFolder(cache, pipeline), SUBMISSIONS)).length > 0;
}

/** Where a study's memory lies in a cache. */
export function studyFolder(cache: string, pipeline: string): string {
  return join(cache, 'studies', createHash('sha256').update(identityOf(cache, pipeline)).digest('hex'));
}

/**
 * What tells a study from others in a cache. Links are followed: a link to a cache elsewhere is no cache in the study's
 * folder, and studies that share it by such links are not one study.
 */
function identityOf(cache: string, pipeline: string): string {
  const path = resolve(pipeline);
  const [inside, root] = [resolve(cache), dirname(path)];
  if (!isWithin(root, inside)) return path;
  return relative(realPath(inside), join(realPath(root), basename(path))).replaceAll(sep, '/');
}

/**
 * A damaged ledger counts as empty, and so does that of another study: it serves explanations, and finds the last
 * results of a study that has none of its present state.
 */
function readLedger(path: string, cache: string, pipeline: string): FoundLedger {
  const note = readNote(path);
  const damages: Failure[] =
    note.kind === 'damaged'
      ? [{ kind: 'content', path, message: note.message, remedy: 'It counts as empty. The next run writes it anew.' }]
      : [];
  const identity = identityOf(cache, pipeline);
  const found = ledgerIn('value' in note ? note.value : {});
  const isOwn = found.identity === identity || found.pipeline === pipeline;
  return { ledger: { pipeline, identity, places: isOwn ? found.places : {} }, damages };
}

function ledgerIn({ pipeline, identity, places }: JsonObject): Ledger {
  const valid = Object.entries(isJsonObject(places) ? places : {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  const text = (value: JsonValue | undefined) => (typeof value === 'string' ? value : '');
  return { pipeline: text(pipeline), identity: text(identity), places: Object.fromEntries(valid) };
}

/** A damaged tombstone still dismisses: the record's id is its file name. */
async function readTombstones(directory: string): Promise<Tombstone[]> {
  const folder = join(directory, 'tombstones');
  try {
    const files = (await readdir(folder)).filter((file) => file.endsWith('.json'));
    return files.map((file) => {
      const note = readNote(join(folder, file));
      const said = 'value' in note ? (note.value as Partial<Tombstone>) : {};
      return {
        recordId: file.slice(0, -'.json'.length),
        key: typeof said.key === 'string' ? said.key : '',
        places: Array.isArray(said.places) ? said.places : [],
        at: typeof said.at === 'string' ? said.at : '',
        ...(typeof said.why === 'string' && { why: said.why }),
      };
    });
  } catch (error) {
    if (isAbsent(error)) return [];
    throw fileFailure(error, folder, 'read');
  }
}

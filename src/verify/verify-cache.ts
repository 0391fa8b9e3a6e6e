/**
 * Verifies a cache: every artifact against its name, every record against its checksum, its keys and the records of its
 * producers (record-checks.ts), every note against its checksum. What is damaged is put aside; nothing else is touched.
 */
import { lstatSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { SwpError } from '../base/failure.ts';
import { addTo } from '../base/groups.ts';
import { digestFile } from '../base/digest.ts';
import type { Cache } from '../cache/cache.ts';
import type { Damage } from '../cache/damaged.ts';
import { artifactFiles, FOLDERS, isCache, recordFiles, type RecordFile } from '../cache/layout.ts';
import { readStoredRecord, type RecordedArtifact, type UnsealedRecord } from '../cache/record.ts';
import { damagedCheckpoints, damagedNotes, problemOfFolder, shards, strangeLogs, withoutCapital } from './notes.ts';
import { consumedBy, contradiction, jsonIn, metricProblems, problemsOf, type Consumed } from './record-checks.ts';

export interface Verification {
  records: number;
  /** Of `records`: those of other versions of swp, which serve nothing here. */
  otherVersions: number;
  artifacts: number;
  bytes: number;
  damages: Damage[];
}

export interface VerificationProgress {
  done: number;
  total: number;
}

export interface VerificationOptions {
  /** Of the artifacts, from 0 to 1: those whose digests begin lowest, so the same ones each time. All if absent. */
  share?: number;
  /** Names of swp's own stages, whose metrics say what their artifacts say under the same names. */
  installed?: ReadonlySet<string>;
  progress?: (progress: VerificationProgress) => void;
}

/** @throws SwpError of kind `file` if the cache cannot be read */
export async function verifyCache(cache: Cache, options: VerificationOptions = {}): Promise<Verification> {
  const verifier = new Verifier(cache, options);
  verifier.verifyFolders();
  await verifier.verifyMarks();
  verifier.verifyRecords();
  verifier.verifyLineage();
  await verifier.verifyArtifacts();
  await verifier.verifyNotes();
  return verifier.result;
}

/** What is kept of a record while the others are read. */
interface Known {
  path: string;
  key: string;
  /** Whether another record of the key took its place. */
  replaced: boolean;
  artifacts: Record<string, RecordedArtifact>;
  consumed: Consumed[];
}

/** A record that names an artifact, and what it measured. */
interface Namer extends Pick<UnsealedRecord, 'key' | 'stage' | 'metrics'> {
  path: string;
  artifact: string;
}

class Verifier {
  readonly #cache: Cache;
  readonly #options: VerificationOptions;
  readonly #known: Known[] = [];
  /** By the artifact's path. */
  readonly #namers = new Map<string, Namer[]>();
  readonly #aside = new Set<string>();
  readonly result: Verification = { records: 0, otherVersions: 0, artifacts: 0, bytes: 0, damages: [] };

  constructor(cache: Cache, options: VerificationOptions) {
    this.#cache = cache;
    this.#options = options;
  }

  /** The folders in which everything lies. */
  verifyFolders(): void {
    for (const name of FOLDERS) {
      const path = join(this.#cache.directory, name);
      const problem = problemOfFolder(path, { link: true });
      if (problem !== undefined) this.#putAside(path, problem);
    }
  }

  /** The cache's own marks were put right when it was opened, or are now. */
  async verifyMarks(): Promise<void> {
    if (isCache(this.#cache.directory)) await this.#cache.repairTag();
    this.result.damages.push(...this.#cache.repaired);
  }

  verifyRecords(): void {
    const { directory } = this.#cache;
    for (const shard of shards(join(directory, 'records'), (path, message) => this.#putAside(path, message)))
      for (const found of recordFiles(directory, basename(shard))) this.#verifyRecord(found);
  }

  #verifyRecord({ path, key, aside }: RecordFile): void {
    try {
      const stored = readStoredRecord(path, key);
      if (stored === undefined) return; // another process put it aside meanwhile
      this.result.records++;
      if (stored.kind !== 'current') this.result.otherVersions++;
      if (stored.kind === 'later') return;
      const { record } = stored;
      const [problem] = problemsOf(record);
      if (problem !== undefined) this.#putAside(path, problem.message);
      else this.#remember(record, path, aside);
    } catch (error) {
      if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw error;
      this.result.records++;
      this.#putAside(path, withoutCapital(error.failure.message));
    }
  }

  #remember(record: UnsealedRecord, path: string, replaced: boolean): void {
    const { key, stage, artifacts, metrics } = record;
    this.#known.push({ path, key, replaced, artifacts, consumed: replaced ? [] : consumedBy(record) });
    for (const [artifact, recorded] of Object.entries(artifacts)) {
      const file = this.#cache.artifactPath(recorded);
      addTo(this.#namers, file, { path, key, stage, metrics, artifact });
    }
  }

  /**
   * What a record consumed must be what the record of its producer names, or an earlier one of the same key: results
   * that were made of bits that another machine had made stay. Where a producer and its consumers contradict each
   * other about an artifact, the consumers are put aside, and the producer as well if fewer agree with it about that:
   * whichever is wrong, what was put aside is made again from what is right.
   */
  verifyLineage(): void {
    const made = new Map<string, { record?: Known; digests: Map<string, string[]> }>();
    for (const known of this.#known) {
      const entry = made.get(known.key) ?? { digests: new Map<string, string[]>() };
      made.set(known.key, entry);
      if (!known.replaced) entry.record = known;
      for (const [name, { sha256 }] of Object.entries(known.artifacts)) {
        const digests = entry.digests.get(name) ?? [];
        entry.digests.set(name, known.replaced ? [...digests, sha256] : [sha256, ...digests]);
      }
    }
    /** By producer and artifact. */
    const opinions = new Map<string, { producer: Known; agreeing: number; contradicting: number }>();
    for (const consumer of this.#known)
      for (const consumed of consumer.consumed) {
        const { record: producer, digests } = made.get(consumed.key) ?? {};
        if (producer === undefined || digests === undefined) continue; // made in another cache, or damaged itself
        const subject = `${consumed.key} ${consumed.artifact}`;
        const opinion = opinions.get(subject) ?? { producer, agreeing: 0, contradicting: 0 };
        opinions.set(subject, opinion);
        const problem = contradiction(consumed, digests.get(consumed.artifact) ?? [], consumed.key.slice(0, 12));
        if (problem === undefined) opinion.agreeing++;
        else {
          opinion.contradicting++;
          this.#putAside(consumer.path, problem.message);
        }
      }
    for (const { producer, agreeing, contradicting } of opinions.values())
      if (contradicting > agreeing)
        this.#putAside(producer.path, 'the records that were made of it say that it made something else');
  }

  async verifyArtifacts(): Promise<void> {
    for (const _ of shards(join(this.#cache.directory, 'artifacts'), (path, problem) => this.#putAside(path, problem)));
    this.#verifyPlaces();
    const { share = 1, progress } = this.#options;
    const artifacts = artifactFiles(this.#cache.directory).filter(
      ({ sha256 }) => parseInt(sha256.slice(0, 8), 16) / 2 ** 32 <= share,
    );
    const total = artifacts.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, sha256: named, bytes } of artifacts) {
      const digest = await digestOf(path);
      if (digest === undefined) continue; // evicted meanwhile
      this.result.artifacts++;
      this.result.bytes += bytes;
      if (digest !== named) this.#putAside(path, `its SHA-256 is ${digest}`);
      else this.#verifyMetrics(path);
      progress?.({ done: this.result.bytes, total });
    }
  }

  /** That what records name is a file of the recorded size, and is there if it is kept for ever. */
  #verifyPlaces(): void {
    const expected = new Map<string, { artifact: RecordedArtifact; kept: boolean; key: string }>();
    for (const { key, artifacts } of this.#known)
      for (const artifact of Object.values(artifacts)) {
        const path = this.#cache.artifactPath(artifact);
        const kept = artifact.evictable !== true || (expected.get(path)?.kept ?? false);
        expected.set(path, { artifact, kept, key });
      }
    for (const [path, { artifact, kept, key }] of expected) {
      const found = lstatSync(path, { throwIfNoEntry: false });
      if (found === undefined) {
        if (kept) this.#report(path, `it is missing, and the record ${key.slice(0, 12)} names it`);
      } else if (!found.isFile()) this.#putAside(path, 'it is no regular file');
      else if (found.size !== artifact.bytes)
        this.#putAside(path, `it has ${found.size} bytes; the record ${key.slice(0, 12)} says ${artifact.bytes}`);
    }
  }

  /** The metrics of those records that name a whole JSON artifact. */
  #verifyMetrics(path: string): void {
    const namers = (this.#namers.get(path) ?? []).filter(({ stage }) => this.#options.installed?.has(stage));
    if (namers.length === 0 || extname(path) !== '.json') return;
    const content = jsonIn(path);
    for (const { path: record, stage, metrics, artifact } of namers) {
      const [message] = metricProblems({ stage, metrics }, artifact, content);
      if (message !== undefined) this.#putAside(record, message);
    }
  }

  async verifyNotes(): Promise<void> {
    for (const { path, message } of damagedNotes(this.#cache.directory)) this.#putAside(path, message);
    for (const { path, message } of strangeLogs(this.#cache.directory)) this.#putAside(path, message);
    if ((this.#options.share ?? 1) < 1) return;
    for (const { path, message } of await damagedCheckpoints(this.#cache)) this.#putAside(path, message);
  }

  #putAside(path: string, message: string): void {
    if (this.#aside.has(path)) return;
    this.#aside.add(path);
    try {
      this.#report(path, message, this.#cache.moveAside(path));
    } catch (error) {
      if (!(error instanceof SwpError)) throw error;
      this.#report(path, `${message}; it could not be moved: ${withoutStop(error.message)}`);
    }
  }

  #report(path: string, message: string, aside?: string): void {
    this.result.damages.push({ path, message, ...(aside !== undefined && { aside }) });
  }
}

/** @returns undefined if it is gone */
async function digestOf(path: string): Promise<string | undefined> {
  try {
    return (await digestFile(path, { follow: false })).sha256;
  } catch (error) {
    if (error instanceof SwpError && error.failure.kind === 'file' && error.failure.code === 'ENOENT') return undefined;
    if (error instanceof SwpError && error.failure.kind === 'file' && error.failure.code === 'EACCES')
      return 'not known, since this user may not read it';
    throw error;
  }
}

function withoutStop(text: string): string {
  return text.replace(/\.$/, '');
}

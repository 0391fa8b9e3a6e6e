/**
 * What nodes took and how large their results were, from a cache's records: of the same stage and the same kind of
 * work, on the same kind of processor. A worker's first node of a kind also loads what later ones find loaded, so it
 * counts apart.
 */
import type { NodeSizes } from './cache-peak.ts';
import { addTo } from '../base/groups.ts';
import type { Cache } from '../cache/cache.ts';
import type { CacheRecord } from '../cache/record.ts';
import { readHistory } from '../cache/run-history.ts';
import { SwpError } from '../base/failure.ts';
import type { KeyedParams } from '../engine/keyed-params.ts';
import type { StageDefinition, StageWork } from '../engine/stage.ts';
import { quantile, type Timed } from './rate.ts';
import { groupOf, workOf } from './workload.ts';
import { recordKeys, studyFolders } from '../cache/layout.ts';

/** What was measured of one kind of work. */
export interface Measured {
  /** Nodes that found everything loaded. */
  warm: Timed[];
  /** The first ones of their workers. */
  first: Timed[];
  /** Sizes by output. */
  bytes: Map<string, number[]>;
  /** Size of a record. */
  recordBytes: number[];
}

/** Enough nodes of a kind: more make the rate hardly more exact. */
const ENOUGH = 60;
/** A cache may hold a hundred thousand records; this many are read in a third of a second. */
const MOST_RECORDS = 3000;
const RUNS = 20;

/** The study that asks. */
export interface MeasuringStudy {
  /** Its folder. */
  root: string;
  /** What it calls that which keys only know by what it is. */
  keyed: KeyedParams;
}

export class Measurements {
  readonly #cpu: string | null;
  readonly #stages: ReadonlyMap<string, StageDefinition>;
  readonly #study: MeasuringStudy;
  readonly #groups = new Map<string, Measured>();
  readonly #seen = new Set<string>();

  /**
   * @param cpu model of this machine's processor, as records name it
   * @param stages by name: those of which something is to be known; each says how much a record's node had to do
   * @param study as which records are read
   */
  constructor(cpu: string | null, stages: ReadonlyMap<string, StageDefinition>, study: MeasuringStudy) {
    this.#cpu = cpu;
    this.#stages = stages;
    this.#study = study;
  }

  of(group: string): Measured | undefined {
    return this.#groups.get(group);
  }

  /**
   * Takes in records until there is enough of each kind.
   * @param known records that were read already: of the study itself
   * @param cache where the others are
   * @param wanted kinds of work that something is to be known of
   */
  async read(known: readonly CacheRecord[], cache: Cache, wanted: ReadonlySet<string>): Promise<void> {
    if (wanted.size === 0) return;
    const first = firstNodes(cache);
    const lacking = () => [...wanted].some((group) => (this.#groups.get(group)?.warm.length ?? 0) < ENOUGH);
    let read = 0;
    const done = () => read >= MOST_RECORDS || (read % ENOUGH === 0 && !lacking());
    for (const record of known) {
      if (done()) return;
      read++;
      await this.#add(record, first.has(record.key));
    }
    for (const key of recordKeys(cache.directory)) {
      if (done()) return;
      if (this.#seen.has(key)) continue;
      read++;
      const record = await cache.record(key).catch((error: unknown) => {
        if (error instanceof SwpError) return undefined; // damaged
        throw error;
      });
      if (record !== undefined) await this.#add(record, first.has(key));
    }
  }

  /** Takes in a record if it is of this kind of processor and of a stage that is asked for. */
  async #add(record: CacheRecord, isFirst: boolean): Promise<void> {
    this.#seen.add(record.key);
    const stage = this.#stages.get(record.stage);
    if (stage === undefined || record.aliasOf !== undefined || record.environment.cpu !== this.#cpu) return;
    const work = await workOfRecord(stage, record, this.#study);
    if (work === undefined) return;
    const group = groupOf(stage.name, work);
    const measured = this.#groups.get(group) ?? {
      warm: [],
      first: [],
      bytes: new Map<string, number[]>(),
      recordBytes: [],
    };
    this.#groups.set(group, measured);
    const units = work.count * measuredShare(stage, record);
    if (units > 0) (isFirst ? measured.first : measured.warm).push({ units, seconds: record.seconds });
    for (const [name, { bytes, madeOf }] of Object.entries(record.artifacts))
      addTo(measured.bytes, name, madeOf === undefined ? bytes : 0);
    measured.recordBytes.push(JSON.stringify(record).length);
  }
}

/** Median size of a node's results, by whether they may be evicted. */
export function sizesOf(
  stage: StageDefinition,
  { bytes, recordBytes }: Pick<Measured, 'bytes' | 'recordBytes'>,
): NodeSizes {
  const sizes = { kept: quantile(recordBytes, 0.5), evictable: 0, resuming: 0 };
  for (const [name, values] of bytes) {
    const { evictable, resuming } = stage.outputs[name] ?? {};
    sizes[evictable === true ? 'evictable' : 'kept'] += quantile(values, 0.5);
    if (resuming === true) sizes.resuming += quantile(values, 0.5);
  }
  return sizes;
}

/** @returns undefined for a record of other parameters than the stage has now */
async function workOfRecord(
  stage: StageDefinition,
  { preimage }: CacheRecord,
  { root, keyed }: MeasuringStudy,
): Promise<StageWork | undefined> {
  const { params, gathers } = preimage as unknown as {
    params: CacheRecord['preimage'];
    gathers: Record<string, { missing?: true }[]>;
  };
  try {
    const found = Object.fromEntries(
      Object.entries(gathers).map(([name, items]) => [name, items.filter(({ missing }) => missing !== true)]),
    );
    const work = await workOf({ stage, params: keyed.declared(stage.name, params), gathers: found }, root);
    return Number.isFinite(work.count) ? work : undefined;
  } catch {
    return undefined;
  }
}

/** The share of a node's work that its seconds measure: it may have gone on from an earlier stop. */
function measuredShare(stage: StageDefinition, { preimage, resumedAt = 0 }: CacheRecord): number {
  const params = preimage.params as CacheRecord['preimage'];
  const length = stage.trajectory?.(params).length;
  const end = length === undefined ? 0 : Number(params[length]);
  return end > 0 ? 1 - resumedAt / end : 1;
}

/**
 * Keys of the nodes that were the first of their kind in their worker, by the histories of all studies of the cache.
 */
function firstNodes(cache: Cache): Set<string> {
  const runs = studyFolders(cache.directory).flatMap((study) => readHistory(study, RUNS));
  return new Set(runs.flatMap(({ nodes }) => nodes.filter(({ first }) => first === true).map(({ key }) => key)));
}

/**
 * Why a node is cached, stale or missing: the values in which its recipe differs from that of the nearest earlier
 * record. Where only an input's key differs, the cause lies upstream, and is followed to the node where a value differs
 * that is no key. Of a blocked node the recipe is not known: its reason says what it lacks.
 */
import type { UnsealedRecord } from '../cache/record.ts';
import type { Dag } from './dag-builder.ts';
import { differences, type Difference } from '../base/json-diff.ts';
import { addTo } from '../base/groups.ts';
import { entryOf, isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import { RecipeIndex } from './nearest-recipe.ts';
import type { PlannedNode } from './node.ts';
import { placeOf, type NodeLabel } from './stage.ts';
import type { PlannedState } from './plan.ts';

/** A difference at the node where it arose. */
export interface Cause extends Difference {
  stage: string;
  /** Where in the study that node is. */
  place: string;
  /** Of changed code: packages in it whose version changed. */
  packages?: PackageChange[];
}

export interface PackageChange {
  name: string;
  /** null: it was not imported. */
  before: string | null;
  after: string | null;
}

export interface Explanation {
  planned: PlannedState;
  /** Key of the record that it is compared with; absent for a cached node, and where there is none. */
  comparedWith?: string;
  /**
   * `before`: what this place had before; `elsewhere`: what it had in another study of the cache, of which this one
   * seems to be a copy; `nearest`: only the most similar record of the stage.
   */
  relation?: 'before' | 'elsewhere' | 'nearest';
  /** Of `elsewhere`: the pipeline.json of that study, as it was called then. */
  study?: string;
  /** Of `nearest`: how many other records differ in as little. */
  asNear?: number;
  causes: Cause[];
}

/** What explaining asks of a cache. */
export interface RecordHistory {
  /** The record of a key, whole or damaged alike: undefined if it cannot be read. */
  recorded(key: string): Promise<UnsealedRecord | undefined>;
  /** Records of a stage, in no order; it may leave some out. */
  ofStage(stage: string): Promise<UnsealedRecord[]>;
}

/** The keys that places of a study had last. */
export interface EarlierPlaces {
  lastKey(place: string): string | undefined;
  /** Of this study: key by place. */
  places(): ReadonlyMap<string, string>;
  ofOthers(): StudyElsewhere[];
}

/** Another study of the cache. */
interface StudyElsewhere {
  /** Its pipeline.json, as it was called then. */
  pipeline: string;
  /** Key by place. */
  places: Record<string, string>;
}

/** What a node is compared with, and why with that. */
type Compared = { record: UnsealedRecord } & Pick<Explanation, 'relation' | 'study' | 'asNear'>;

export class Explainer {
  readonly #dag: Dag;
  readonly #history: RecordHistory;
  readonly #earlier: EarlierPlaces;
  #elsewheres: StudyElsewhere[] | undefined;
  #alike: StudyElsewhere[] | undefined;
  #placed: Map<string, string[]> | undefined;
  readonly #packagesOf: (stage: string) => Promise<Record<string, string>>;
  readonly #causes = new Map<string, Promise<Cause[]>>();
  /** By stage. */
  readonly #indices = new Map<string, Promise<RecipeIndex<UnsealedRecord>>>();

  /** @param packagesOf versions of the packages in a stage's present code */
  constructor(
    dag: Dag,
    history: RecordHistory,
    earlier: EarlierPlaces,
    packagesOf: (stage: string) => Promise<Record<string, string>>,
  ) {
    this.#dag = dag;
    this.#history = history;
    this.#earlier = earlier;
    this.#packagesOf = packagesOf;
  }

  async explain(planned: PlannedState): Promise<Explanation> {
    const { node, state } = planned;
    if (state === 'cached' || state === 'blocked' || planned.record !== undefined) return { planned, causes: [] };
    const compared = (await this.#before(node)) ?? (await this.#elsewhere(node)) ?? (await this.#nearest(node));
    if (compared === undefined) return { planned, causes: [] };
    const { record, ...how } = compared;
    return { planned, comparedWith: record.key, ...how, causes: await this.#follow(node, record) };
  }

  async #before({ key, labels }: PlannedNode): Promise<Compared | undefined> {
    const record = await this.#recordAt(labels, key, (place) => this.#earlier.lastKey(place));
    return record && { record, relation: 'before' };
  }

  async #elsewhere({ key, labels, stage }: PlannedNode): Promise<Compared | undefined> {
    for (const { pipeline, places } of (this.#alike ??= this.#studiesAlike())) {
      const record = await this.#recordAt(labels, key, (place) => entryOf(places, place));
      if (record?.stage === stage.name) return { record, relation: 'elsewhere', study: pipeline };
    }
    return undefined;
  }

  async #recordAt(
    labels: readonly NodeLabel[],
    key: string,
    keyAt: (place: string) => string | undefined,
  ): Promise<UnsealedRecord | undefined> {
    for (const label of labels) {
      const last = keyAt(placeOf(label));
      const record = last === undefined || last === key ? undefined : await this.#history.recorded(last);
      if (record !== undefined) return record;
    }
    return undefined;
  }

  #others(): StudyElsewhere[] {
    return (this.#elsewheres ??= this.#earlier.ofOthers());
  }

  /**
   * Other studies of the cache that have some node where this one has it, too: the more of them, the earlier in the
   * list. A place alone says little, since every study may have an arm A1.
   */
  #studiesAlike(): StudyElsewhere[] {
    const planned = new Map<string, string>();
    this.#dag.forEachNode((key, { labels }) => {
      for (const label of labels) planned.set(placeOf(label), key);
    });
    return this.#others()
      .map((study) => ({
        ...study,
        alike: Object.entries(study.places).filter(([p, k]) => planned.get(p) === k).length,
      }))
      .filter(({ alike }) => alike > 0)
      .sort((a, b) => b.alike - a.alike || (a.pipeline < b.pipeline ? -1 : 1));
  }

  /**
   * The record of the same stage with the fewest differences; of several the one whose place in a study is most like
   * the node's, then the latest. The records are read once for all nodes of a stage.
   */
  async #nearest({ stage, preimage, labels }: PlannedNode): Promise<Compared | undefined> {
    const index =
      this.#indices.get(stage.name) ??
      this.#history.ofStage(stage.name).then((records) => new RecipeIndex<UnsealedRecord>(records));
    this.#indices.set(stage.name, index);
    const nearest = (await index).nearest(preimage);
    if (nearest.length === 0) return undefined;
    const placed = (this.#placed ??= this.#placesOfKeys());
    const [first] = nearest
      .map((record) => ({ record, likeness: likenessOf(placed.get(record.key) ?? [], labels) }))
      .sort(
        (a, b) =>
          b.likeness - a.likeness ||
          (a.record.finishedAt < b.record.finishedAt ? 1 : a.record.finishedAt > b.record.finishedAt ? -1 : 0) ||
          (a.record.key < b.record.key ? -1 : 1),
      );
    return { record: first!.record, relation: 'nearest', asNear: nearest.length - 1 };
  }

  /** By key: every place that is known to have, or to have had, it. */
  #placesOfKeys(): Map<string, string[]> {
    const placed = new Map<string, string[]>();
    this.#dag.forEachNode((key, { labels }) => placed.set(key, labels.map(placeOf)));
    for (const [place, key] of this.#earlier.places()) addTo(placed, key, place);
    for (const { places } of this.#others())
      for (const [place, key] of Object.entries(places)) addTo(placed, key, place);
    return placed;
  }

  #follow(node: PlannedNode, before: UnsealedRecord): Promise<Cause[]> {
    const identity = `${node.key} ${before.key}`;
    const causes = this.#causes.get(identity) ?? this.#trace(node, before);
    this.#causes.set(identity, causes);
    return causes;
  }

  async #trace(node: PlannedNode, before: UnsealedRecord): Promise<Cause[]> {
    const found = differences(before.preimage, node.preimage);
    const here = { stage: node.stage.name, place: placeOf(node.labels[0]!) };
    const packages = found.some(isCode)
      ? packageChanges(before.environment.packages, await this.#packagesOf(node.stage.name))
      : [];
    const causes: Cause[] = found
      .filter((difference) => !isUpstream(difference))
      .map((difference) => ({
        ...difference,
        ...here,
        ...(isCode(difference) && packages.length > 0 && { packages }),
      }));
    for (const difference of found.filter(isUpstream)) {
      const producer = this.#dag.hasNode(difference.after) ? this.#dag.getNodeAttributes(difference.after) : undefined;
      const earlier =
        typeof difference.before === 'string' ? await this.#history.recorded(difference.before) : undefined;
      if (producer === undefined || earlier === undefined || producer.stage.name !== earlier.stage)
        causes.push({ ...difference, ...here });
      else causes.push(...(await this.#follow(producer, earlier)));
    }
    return unique(causes);
  }
}

/** How much of its experiment, step, round and seed a node has in common with a place that a record had. */
function likenessOf(places: readonly string[], labels: readonly NodeLabel[]): number {
  let most = 0;
  for (const place of places) {
    const [experiment, seed, round, step] = place.split('/');
    for (const label of labels.map((each) => placeOf(each).split('/')))
      most = Math.max(
        most,
        8 * Number(label[0] === experiment) +
          4 * Number(label[3] === step) +
          2 * Number(label[2] === round) +
          Number(label[1] === seed),
      );
  }
  return most;
}

/** The key of a producer: what differs lies there. */
function isUpstream({ path }: Difference): boolean {
  return /^(inputs\.[^.]+|gathers\.[^.]+\[\d+\])\.key$/.test(path);
}

/** A hash of code, swp's own or with packages in it. */
function isCode({ path, before, after }: Difference): boolean {
  const isDigest = (value: unknown) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
  return path === 'code' || (path.startsWith('computes.') && isDigest(before) && isDigest(after));
}

/** @param before what a record says; one that is older than these notes says nothing */
function packageChanges(before: JsonValue | undefined, after: Record<string, string>): PackageChange[] {
  if (!isJsonObject(before)) return [];
  const version = (packages: JsonObject, name: string) =>
    Object.hasOwn(packages, name) ? String(packages[name]) : null;
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .map((name) => ({ name, before: version(before, name), after: version(after, name) }))
    .filter((change) => change.before !== change.after);
}

/** A changed value can reach a node through several inputs, and many nodes can have the same change. */
function unique(causes: Cause[]): Cause[] {
  return [
    ...new Map(
      causes.map((cause) => [JSON.stringify([cause.stage, cause.path, cause.before, cause.after]), cause]),
    ).values(),
  ];
}

/** The pre-image of a key that is planned or was recorded. */
export async function preimageOf(key: string, dag: Dag, history: RecordHistory): Promise<JsonObject | undefined> {
  return dag.hasNode(key) ? dag.getNodeAttributes(key).preimage : (await history.recorded(key))?.preimage;
}

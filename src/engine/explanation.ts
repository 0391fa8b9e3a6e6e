/**
 * Why a node is cached, stale or missing: the values in which its recipe differs from that of the nearest earlier
 * record. Where only an input's key differs, the cause lies upstream, and is followed to the node where a value differs
 * that is no key. Of a blocked node the recipe is not known: its reason says what it lacks.
 */
import type { UnsealedRecord } from '../cache/record.ts';
import type { Dag } from './dag-builder.ts';
import { differences, type Difference } from '../base/json-diff.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import { RecipeIndex } from './nearest-recipe.ts';
import type { PlannedNode } from './node.ts';
import { placeOf } from './stage.ts';
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
  /** `before`: what this place had before; `nearest`: only the most similar record of the stage. */
  relation?: 'before' | 'nearest';
  causes: Cause[];
}

/** What explaining asks of a cache. */
export interface RecordHistory {
  /** The record of a key, whole or damaged alike: undefined if it cannot be read. */
  recorded(key: string): Promise<UnsealedRecord | undefined>;
  /** Records of a stage, in no order; it may leave some out. */
  ofStage(stage: string): Promise<UnsealedRecord[]>;
}

export class Explainer {
  readonly #dag: Dag;
  readonly #history: RecordHistory;
  readonly #lastKey: (place: string) => string | undefined;
  readonly #packagesOf: (stage: string) => Promise<Record<string, string>>;
  readonly #causes = new Map<string, Promise<Cause[]>>();
  /** By stage. */
  readonly #indices = new Map<string, Promise<RecipeIndex<UnsealedRecord>>>();

  /** @param packagesOf versions of the packages in a stage's present code */
  constructor(
    dag: Dag,
    history: RecordHistory,
    lastKey: (place: string) => string | undefined,
    packagesOf: (stage: string) => Promise<Record<string, string>>,
  ) {
    this.#dag = dag;
    this.#history = history;
    this.#lastKey = lastKey;
    this.#packagesOf = packagesOf;
  }

  async explain(planned: PlannedState): Promise<Explanation> {
    const { node, state } = planned;
    if (state === 'cached' || state === 'blocked' || planned.record !== undefined) return { planned, causes: [] };
    const before = await this.#before(node);
    if (before !== undefined)
      return { planned, comparedWith: before.key, relation: 'before', causes: await this.#follow(node, before) };
    const nearest = await this.#nearest(node);
    if (nearest === undefined) return { planned, causes: [] };
    return { planned, comparedWith: nearest.key, relation: 'nearest', causes: await this.#follow(node, nearest) };
  }

  async #before({ key, labels }: PlannedNode): Promise<UnsealedRecord | undefined> {
    for (const label of labels) {
      const last = this.#lastKey(placeOf(label));
      const record = last === undefined || last === key ? undefined : await this.#history.recorded(last);
      if (record !== undefined) return record;
    }
    return undefined;
  }

  /** The record of the same stage with the fewest differences. The records are read once for all nodes of a stage. */
  async #nearest({ stage, preimage }: PlannedNode): Promise<UnsealedRecord | undefined> {
    const index =
      this.#indices.get(stage.name) ??
      this.#history.ofStage(stage.name).then((records) => new RecipeIndex<UnsealedRecord>(records));
    this.#indices.set(stage.name, index);
    return (await index).nearest(preimage);
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

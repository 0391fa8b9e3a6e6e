/**
 * Builds the DAG, node by node. Nodes with equal recipe keys are one node: what runs have in common they share, without
 * anyone saying so.
 */
import { DirectedGraph } from 'graphology';
import { readExternalFile } from './external-file.ts';
import { stampIfThere } from '../base/file-stamp.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../base/json.ts';
import { recipePreimage } from './key.ts';
import { digestJson } from '../base/digest.ts';
import type { ExternalFile, GatheredRef, InputRef, PlannedNode } from './node.ts';
import { placeOf, type NodeLabel, type ParamProblem, type StageDefinition } from './stage.ts';
import { SwpError } from '../base/failure.ts';
import type { LoadedStage, StageLoader } from './stage-loader.ts';

/** Nodes by recipe key; edges lead from producers to consumers. */
export type Dag = DirectedGraph<PlannedNode, Record<string, unknown>, DagAttributes>;

export interface DagAttributes {
  [name: string]: unknown;
  /** Stamps of the files on which the DAG depends besides the study itself, by absolute path. */
  watched: ReadonlyMap<string, string>;
}

export interface NodeSpec {
  stage: string;
  /** Resolved: validated against the stage's schema, with defaults filled in. */
  params: JsonObject;
  inputs: Record<string, InputRef>;
  /** The order of the items is the order in which the stage sees them, and part of the key. */
  gathers?: Record<string, GatheredRef[]>;
  label: NodeLabel;
}

/** What stands in keys for a stage's code and what it computes. */
export type AcceptCode = (
  stage: string,
  work: { code: string; computes: JsonValue },
) => { code: string; computes: JsonValue };

/**
 * Is told of parameters that are impossible together. The node gets a key all the same, so that the others are looked
 * at; such a DAG is for nobody.
 */
export type RefuseParams = (label: NodeLabel, problems: readonly ParamProblem[]) => void;

export class DagBuilder {
  readonly dag: Dag = new DirectedGraph<PlannedNode, Record<string, unknown>, DagAttributes>();
  readonly #loader: StageLoader;
  readonly #root: string;
  readonly #accept: AcceptCode;
  readonly #refuse: RefuseParams;
  readonly #fingerprints = new Map<string, Promise<JsonValue | undefined>>();
  readonly #files = new Map<string, Promise<ExternalFile>>();
  readonly #watched = new Map<string, string>();

  /**
   * @param options.root the project's root: what `StageDefinition.files` is relative to
   * @param options.accept what stands in keys for a stage's code: an earlier fingerprint, if a person said that it is
   *   equivalent
   * @param options.refuse by default throws an SwpError of kind `usage`
   */
  constructor({
    loader,
    root,
    accept = (_stage, work) => work,
    refuse = refuseAsUsage,
  }: {
    loader: StageLoader;
    root: string;
    accept?: AcceptCode;
    refuse?: RefuseParams;
  }) {
    this.#refuse = refuse;
    this.#accept = accept;
    this.#loader = loader;
    this.#root = root;
    this.dag.setAttribute('watched', this.#watched);
  }

  /**
   * Adds a node, or a label to the node that is equal to it. Producers must have been added before.
   * @returns the node's recipe key
   * @throws SwpError for an unknown stage or an unreadable external file; Error for inputs that the stage does not have
   */
  async add({ stage: name, params, inputs, gathers = {}, label }: NodeSpec): Promise<string> {
    const stage = await this.#loader.load(name);
    for (const path of stage.files) if (!this.#watched.has(path)) this.#watched.set(path, stampIfThere(path));
    this.#check(stage, inputs, gathers, label);
    const computes = await this.#fingerprint(stage, params, label);
    const files = computes === undefined ? [] : await this.#externalFiles(stage, params, label);
    const preimage = recipePreimage(
      {
        stage: name,
        ...this.#accept(name, { code: stage.code, computes: computes ?? null }),
        params,
        files: Object.fromEntries(files.map(({ name, sha256 }) => [name, sha256])),
      },
      inputs,
      gathers,
    );
    const key = digestJson(preimage);
    if (this.dag.hasNode(key)) {
      const { labels } = this.dag.getNodeAttributes(key);
      if (!labels.some((known) => placeOf(known) === placeOf(label))) labels.push(label);
      return key;
    }
    this.dag.addNode(key, { key, stage: stage.definition, params, inputs, gathers, files, labels: [label], preimage });
    for (const { key: producer } of producersOf({ inputs, gathers })) this.dag.mergeEdge(producer, key);
    return key;
  }

  /**
   * What a stage computes depends on its parameters alone, so it is asked once for each.
   * @returns undefined for parameters that were refused
   */
  #fingerprint(
    { definition }: LoadedStage,
    params: JsonObject,
    label: NodeLabel,
  ): Promise<JsonValue | undefined> | JsonValue {
    if (definition.fingerprint === undefined && definition.problems === undefined) return null;
    const question = canonicalJson([definition.name, params]);
    const known = this.#fingerprints.get(question);
    if (known !== undefined) return known;
    for (const path of definition.watches?.(params) ?? []) this.#watched.set(path, stampIfThere(path));
    const answer = this.#askFingerprint(definition, params, label);
    this.#fingerprints.set(question, answer);
    return answer;
  }

  async #askFingerprint(
    definition: StageDefinition,
    params: JsonObject,
    label: NodeLabel,
  ): Promise<JsonValue | undefined> {
    const problems = (await definition.problems?.(params)) ?? [];
    if (problems.length === 0) return definition.fingerprint?.(params) ?? null;
    this.#refuse(label, problems);
    return undefined;
  }

  async #externalFiles({ definition }: LoadedStage, params: JsonObject, label: NodeLabel): Promise<ExternalFile[]> {
    const declared = (await definition.files?.(params)) ?? [];
    if (new Set(declared.map(({ name }) => name)).size < declared.length)
      throw new Error(`${placeOf(label)}: stage ${definition.name} gives two of its files one name.`);
    const files: ExternalFile[] = [];
    for (const each of declared) {
      const identity = JSON.stringify([each.name, each.path]);
      const file = this.#files.get(identity) ?? readExternalFile(each, this.#root);
      this.#files.set(identity, file);
      const read = await file; // one after the other: where several cannot be read, the first one is named
      this.#watched.set(read.path, read.stamp);
      files.push(read);
    }
    return files;
  }

  /** Guards against mistakes of the caller; what a user can get wrong is found before, with its place in the study. */
  #check(
    { definition }: LoadedStage,
    inputs: NodeSpec['inputs'],
    gathers: Record<string, GatheredRef[]>,
    label: NodeLabel,
  ): void {
    const place = placeOf(label);
    for (const name of [...Object.keys(inputs), ...Object.keys(gathers)]) {
      const declared = definition.inputs[name];
      if (declared === undefined) throw new Error(`${place}: stage ${definition.name} has no input "${name}".`);
      if ((declared.gather ?? false) !== Object.hasOwn(gathers, name))
        throw new Error(
          `${place}: input "${name}" of ${definition.name} is ${declared.gather ? '' : 'not '}a gathered one.`,
        );
    }
    for (const [name, { optional, gather }] of Object.entries(definition.inputs))
      if (!optional && !gather && !Object.hasOwn(inputs, name))
        throw new Error(`${place}: required input "${name}" is not given.`);
    for (const { key, artifact } of producersOf({ inputs, gathers })) {
      if (!this.dag.hasNode(key)) throw new Error(`${place}: its input ${key} is no node of the DAG.`);
      const { stage } = this.dag.getNodeAttributes(key);
      if (stage.outputs[artifact] === undefined)
        throw new Error(`${place}: stage ${stage.name} has no output "${artifact}".`);
    }
  }
}

function refuseAsUsage(label: NodeLabel, problems: readonly ParamProblem[]): never {
  const [{ message, expected }] = problems as [ParamProblem];
  throw new SwpError({ kind: 'usage', message: `${placeOf(label)}: ${message}.`, expected });
}

/** Everything that a node consumes, single inputs first. */
export function producersOf({ inputs, gathers }: Pick<PlannedNode, 'inputs' | 'gathers'>): InputRef[] {
  return [...Object.values(inputs), ...Object.values(gathers).flat()];
}

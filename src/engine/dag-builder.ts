/**
 * Builds the DAG, node by node. Nodes with equal recipe keys are one node: what runs have in common they share, without
 * anyone saying so.
 */
import { DirectedGraph } from 'graphology';
import { SwpError, type Failure } from '../base/failure.ts';
import { fileFailure } from '../base/file-failure.ts';
import { readExternalFile } from './external-file.ts';
import { stampIfThere } from '../base/file-stamp.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import { mapValues, recipePreimage, type BySource, type Gathered } from './key.ts';
import { digestJson } from '../base/digest.ts';
import type { Blockage, ExternalFile, GatheredRef, InputRef, PlannedNode } from './node.ts';
import { placeOf, type NodeLabel, type ParamProblem, type StageDefinition } from './stage.ts';
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
  readonly #answers = new Map<string, Promise<JsonValue>>();
  /** Whether parameters are possible, with these inputs connected. */
  readonly #possible = new Map<string, Promise<boolean>>();
  readonly #files = new Map<string, Promise<ExternalFile>>();
  readonly #watched = new Map<string, string>();
  /** Stages whose files are watched. */
  readonly #watchedStages = new Set<LoadedStage>();
  /** Keys with the places that they serve: half of a study's runs may share one node. */
  readonly #places = new Set<string>();

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
   * Adds a node, or a label to the node that is equal to it. Producers must have been added before. A node that lacks
   * something it needs is added as a blocked one, and so is what needs its results.
   * @returns the node's key
   * @throws SwpError for an unknown stage; Error for inputs that the stage does not have
   */
  async add({ stage: name, params, inputs, gathers = {}, label }: NodeSpec): Promise<string> {
    const stage = await this.#loader.load(name);
    this.#watchFiles(stage);
    this.#check(stage, inputs, gathers, label);
    const gathered = mapValues(gathers, (items) => items.map((item) => this.#gathered(item)));
    const work = await this.#describe(stage, { params, inputs, label });
    const preimage =
      'failure' in work
        ? blockedPreimage(name, params, inputs, gathered)
        : recipePreimage(
            { stage: name, ...work.code, params: work.params, files: digestsOf(work.files) },
            inputs,
            gathered,
          );
    const key = digestJson(preimage);
    const servedPlace = `${key} ${placeOf(label)}`;
    const isKnown = this.#places.has(servedPlace);
    this.#places.add(servedPlace);
    if (this.dag.hasNode(key)) {
      if (!isKnown) this.dag.getNodeAttributes(key).labels.push(label);
      return key;
    }
    const blocked = 'failure' in work ? { by: key, failure: work.failure } : this.#blockage(inputs);
    this.dag.addNode(key, {
      ...{ key, stage: stage.definition, params, inputs, gathers, labels: [label], preimage },
      files: 'failure' in work ? [] : work.files,
      ...(blocked !== undefined && { blocked }),
    });
    for (const { key: producer } of producersOf({ inputs, gathers })) this.dag.mergeEdge(producer, key);
    return key;
  }

  /** The ingredients of a node's key that the stage gives; or what it lacks to give them, which blocks the node. */
  async #describe(
    stage: LoadedStage,
    spec: Pick<NodeSpec, 'params' | 'inputs' | 'label'>,
  ): Promise<
    { code: { code: string; computes: JsonValue }; params: JsonObject; files: ExternalFile[] } | { failure: Failure }
  > {
    const { params } = spec;
    try {
      if (stage.failure !== undefined) return { failure: stage.failure };
      const isPossible = await this.#isPossible(stage, spec);
      const files = isPossible ? await this.#externalFiles(stage, params) : [];
      for (const path of stage.definition.watches?.(params, this.#root) ?? [])
        if (!this.#watched.has(path)) this.#watched.set(path, stampIfThere(path));
      const computes = isPossible ? await this.#asked('fingerprint', stage, params) : null;
      const inKey = isPossible ? ((await this.#asked('inKey', stage, params)) as JsonObject | null) : null;
      return {
        files,
        params: { ...params, ...inKey },
        code: this.#accept(stage.definition.name, { code: stage.code, computes }),
      };
    } catch (error) {
      return { failure: lackOf(error) };
    }
  }

  /** An item as it stands in the key: the result of a blocked node is missing from the beginning. */
  #gathered({ key, label, stage, artifact }: GatheredRef): Gathered<BySource> {
    const { blocked } = this.dag.getNodeAttributes(key);
    return { label, stage, artifact, ...(blocked === undefined ? { key } : { missing: true }) };
  }

  /** Of a node that lacks nothing itself: what blocks it, if one of its inputs is blocked. */
  #blockage(inputs: Record<string, InputRef>): Blockage | undefined {
    return Object.values(inputs)
      .map(({ key }) => this.dag.getNodeAttributes(key).blocked)
      .find((blocked) => blocked !== undefined);
  }

  #watchFiles(stage: LoadedStage): void {
    if (this.#watchedStages.has(stage)) return;
    this.#watchedStages.add(stage);
    for (const path of stage.files)
      if (!this.#watched.has(path)) this.#watched.set(path, stage.stamps?.get(path) ?? stampIfThere(path));
  }

  /** Asked once for equal parameters with the same inputs; what is wrong is told where it is met first. */
  #isPossible(
    { definition }: LoadedStage,
    { params, inputs, label }: Pick<NodeSpec, 'params' | 'inputs' | 'label'>,
  ): Promise<boolean> | true {
    if (definition.problems === undefined) return true;
    const connected = Object.keys(inputs).sort();
    // Equal parameters are written alike: in the schema's order.
    const question = JSON.stringify([definition.name, params, connected]);
    const known = this.#possible.get(question);
    if (known !== undefined) return known;
    const answer = this.#askProblems(definition, params, new Set(connected), label);
    this.#possible.set(question, answer);
    return answer;
  }

  async #askProblems(
    definition: StageDefinition,
    params: JsonObject,
    connected: ReadonlySet<string>,
    label: NodeLabel,
  ): Promise<boolean> {
    const problems = (await definition.problems?.(params, connected, this.#root)) ?? [];
    if (problems.length > 0) this.#refuse(label, problems);
    return problems.length === 0;
  }

  /** What a hook says for the key depends on the parameters alone, so it is asked once for each. */
  #asked(hook: 'fingerprint' | 'inKey', { definition }: LoadedStage, params: JsonObject): Promise<JsonValue> | null {
    if (definition[hook] === undefined) return null;
    const question = JSON.stringify([hook, definition.name, params]);
    const known = this.#answers.get(question);
    if (known !== undefined) return known;
    const answer = Promise.resolve(definition[hook](params, this.#root));
    this.#answers.set(question, answer);
    return answer;
  }

  async #externalFiles({ definition, module }: LoadedStage, params: JsonObject): Promise<ExternalFile[]> {
    const declared = (await definition.files?.(params, this.#root)) ?? [];
    if (new Set(declared.map(({ name }) => name)).size < declared.length)
      throw new SwpError({
        kind: 'content',
        path: module,
        message: `Stage ${definition.name} gives two of its files one name`,
        remedy: 'Let files(params) give each file a name of its own: names stand in the key.',
      });
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
    for (const name of definition.isUnknown ? [] : [...Object.keys(inputs), ...Object.keys(gathers)]) {
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
      if (stage.outputs[artifact] === undefined && !stage.isUnknown)
        throw new Error(`${place}: stage ${stage.name} has no output "${artifact}".`);
    }
  }
}

/** What a node lacks that cannot be planned. @throws anything that is no such lack: a bug, or a mistake of the study */
function lackOf(error: unknown): Failure {
  if (error instanceof SwpError && ['file', 'content', 'unavailable', 'study', 'several'].includes(error.failure.kind))
    return error.failure;
  if (typeof (error as NodeJS.ErrnoException).code === 'string') {
    const failure = fileFailure(error, (error as NodeJS.ErrnoException).path ?? '', 'read');
    if (failure instanceof SwpError) return failure.failure;
  }
  throw error;
}

/** Of a key that only names a blocked node: what it lacks is not known, so that no record can ever have this key. */
function blockedPreimage(
  stage: string,
  params: JsonObject,
  inputs: Record<string, InputRef>,
  gathers: Record<string, Gathered<BySource>[]>,
): JsonObject {
  return { record: 'swp-blocked', stage, params, inputs, gathers } as unknown as JsonObject;
}

function digestsOf(files: readonly ExternalFile[]): Record<string, string> {
  return Object.fromEntries(files.flatMap(({ name, sha256 }) => (sha256 === undefined ? [] : [[name, sha256]])));
}

function refuseAsUsage(label: NodeLabel, problems: readonly ParamProblem[]): never {
  const [{ message, expected }] = problems as [ParamProblem];
  throw new SwpError({ kind: 'usage', message: `${placeOf(label)}: ${message}.`, expected });
}

/** Everything that a node consumes, single inputs first. */
export function producersOf({ inputs, gathers }: Pick<PlannedNode, 'inputs' | 'gathers'>): InputRef[] {
  return [...Object.values(inputs), ...Object.values(gathers).flat()];
}

/** The forward passes of a decoder behind the LanguageModel interface, run by the runtime that the target names. */
import type { Graph } from '../compute/graph/graph.ts';
import { targetOf, type ExecutionTarget, type GraphSession } from '../compute/runtimes/runtime.ts';
import { elementCount } from '../base/element-count.ts';
import { cutOffUnits } from './cut-off-units.ts';
import { familyOf, tensorsOf } from './decoder/family-of.ts';
import { buildForwardGraph, type ForwardOutput } from './decoder/decoder-graph.ts';
import type { DecoderShape, ModelConfig, TensorTable } from './decoder/family.ts';
import type { DownProjActivations, LanguageModel, OutputOverride, PassStart, Weights } from './language-model.ts';
import { LayeredPass } from './layered-pass.ts';
import { openModelSession } from './model-session.ts';
import { splitNextTokens } from './next-token.ts';
import { heldBytes, sessionPool, type PooledSession } from './session-pool.ts';

/**
 * Works with a model of fixed shape, whose weights the work loads first: it may be one that was used before.
 * @param target an object that has more besides, such as a stage's parameters, will do
 */
export function useLanguageModel<Result>(
  config: ModelConfig,
  { batch, sequence }: DecoderShape,
  target: ExecutionTarget,
  work: (model: LanguageModel) => Promise<Result>,
): Promise<Result> {
  const shape = { batch, sequence };
  const own = targetOf(target);
  return sessionPool.use<DecoderModel, Result>(
    ['forward', { ...config }, shape, { ...own }],
    () => Promise.resolve(new DecoderModel(config, shape, own)),
    work,
  );
}

/** A model of fixed shape for the caller alone. */
export function createLanguageModel(config: ModelConfig, shape: DecoderShape, target: ExecutionTarget): LanguageModel {
  return new DecoderModel(config, shape, target);
}

interface OverrideMemory {
  kept: Float32Array;
  restored: Float32Array;
}

/** A session, what its graph reads, and the bytes that it holds. */
interface OpenPass extends Pick<Graph, 'inputs'> {
  session: GraphSession;
  bytes: number;
}

class DecoderModel implements LanguageModel, PooledSession {
  readonly batch: number;
  readonly sequence: number;
  readonly tensors: TensorTable;
  readonly #config: ModelConfig;
  readonly #target: ExecutionTarget;
  /** Memory that sessions read; empty until it is needed. */
  #weights = new Map<string, Float32Array>();
  /** Whether that memory is the model's own, into which weights can be copied. */
  #ownsWeights = false;
  readonly #tokens: Int32Array;
  readonly #targets: Int32Array;
  readonly #overrides = new Map<number, OverrideMemory>();
  readonly #passes = new Map<string, OpenPass>();
  readonly #layered: LayeredPass;

  constructor(config: ModelConfig, { batch, sequence }: DecoderShape, target: ExecutionTarget) {
    this.#target = target;
    this.batch = batch;
    this.sequence = sequence;
    this.#config = config;
    this.tensors = tensorsOf(config);
    this.#tokens = new Int32Array(batch * sequence);
    this.#targets = new Int32Array(batch * sequence);
    this.#layered = new LayeredPass({
      config,
      shape: { batch, sequence },
      session: (identity, build) => this.#pass(identity, build),
      weight: (name) => this.weight(name),
    });
  }

  get bytes(): number {
    const passes = [...this.#passes.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    const overrides = [...this.#overrides.values()].flatMap(({ kept, restored }) => [kept, restored]);
    const memory = [...this.#weights.values(), ...overrides, this.#tokens, this.#targets];
    return passes + this.#layered.bytes + memory.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  async release(): Promise<void> {
    const passes = [...this.#passes.values()];
    this.#passes.clear();
    for (const { session } of passes) await session.release();
  }

  load(weights: Weights): void {
    this.#ownWeights();
    for (const [name, data] of this.#weights) data.set(this.#fitting(weights, name));
  }

  adopt(weights: Weights): void {
    this.#useMemory(new Map([...this.tensors.keys()].map((name) => [name, this.#fitting(weights, name)])));
    this.#ownsWeights = false;
  }

  /** A tensor's data among weights. @throws Error if there is none of its shape */
  #fitting(weights: Weights, name: string): Float32Array {
    const data = weights.get(name)?.data;
    if (data?.length !== elementCount(this.shape(name)))
      throw new Error(`The weights lack ${name} of shape [${this.shape(name)}].`);
    return data;
  }

  #ownWeights(): void {
    if (this.#ownsWeights) return;
    const memory = [...this.tensors].map(([name, { shape }]) => [name, new Float32Array(elementCount(shape))] as const);
    this.#useMemory(new Map(memory));
    this.#ownsWeights = true;
  }

  /** Binds all sessions to other memory. */
  #useMemory(weights: Map<string, Float32Array>): void {
    this.#weights = weights;
    for (const pass of this.#passes.values()) this.#feedWeights(pass);
  }

  /** Binds the weights that a pass reads by their names. */
  #feedWeights({ session, inputs }: Pick<OpenPass, 'session' | 'inputs'>): void {
    for (const [name, data] of this.#weights) if (inputs.has(name)) session.feed(name, data);
  }

  weight(name: string): Float32Array {
    if (this.#weights.size === 0) this.#ownWeights();
    const data = this.#weights.get(name);
    if (data === undefined) throw new Error(`The model has no tensor ${name}.`);
    return data;
  }

  shape(name: string): number[] {
    const facts = this.tensors.get(name);
    if (facts === undefined) throw new Error(`The model has no tensor ${name}.`);
    return facts.shape;
  }

  downProjection(layer: number): string {
    return familyOf(this.#config).downProjection(layer);
  }

  cutOffUnits(layer: number): Uint8Array {
    return cutOffUnits(familyOf(this.#config).mlpChannel(layer, this.#config).readers, this);
  }

  async losses(tokens: Int32Array): Promise<Float32Array> {
    const { losses } = await this.#run(tokens, ['losses']);
    return losses as Float32Array;
  }

  async lossesAndStarts(tokens: Int32Array, layers: readonly number[]) {
    this.#read(tokens);
    const starts: PassStart[] = [];
    let start = await this.#layered.enter();
    for (;;) {
      const { layer, input, residual } = start;
      if (layers.includes(layer)) starts.push({ layer, input: input.slice(), residual: residual.slice() });
      if (layer === this.#config.layers - 1) break;
      start = await this.#layered.advance(start);
    }
    return { losses: await this.#layered.leave(start), starts };
  }

  async lossesFrom(start: PassStart, tokens: Int32Array): Promise<Float32Array> {
    this.#read(tokens);
    return this.#layered.leave(start);
  }

  async lossesAndPredictions(
    tokens: Int32Array,
    overrides: readonly OutputOverride[] = [],
  ): Promise<{ losses: Float32Array; predictions: Int32Array }> {
    const overridden = [...new Set(overrides.map(({ layer }) => layer))].sort((a, b) => a - b);
    for (const layer of overridden)
      this.#override(
        layer,
        overrides.filter((override) => override.layer === layer),
      );
    const { losses, predictions } = await this.#run(tokens, ['losses', 'predictions'], overridden);
    return { losses: losses as Float32Array, predictions: predictions as Int32Array };
  }

  async downProjActivations(tokens: Int32Array, visit: (activations: DownProjActivations) => void): Promise<void> {
    this.#read(tokens);
    const { feedForward, width } = this.#config;
    let start: PassStart | undefined = await this.#layered.enter();
    while (start !== undefined) {
      const { output, next } = await this.#layered.observe(start);
      const { layer, input } = start;
      visit({ layer, input: tokenMajor(input, feedForward), output: tokenMajor(output, width) });
      start = next;
    }
  }

  /** Writes one layer's overrides into the memory that sessions read. */
  #override(layer: number, overrides: readonly OutputOverride[]): void {
    const tokens = this.batch * this.sequence;
    const { kept, restored } = this.#overridden(layer);
    kept.fill(1);
    restored.fill(0);
    for (const { row, values } of overrides)
      values.forEach((value, token) => {
        if (Number.isNaN(value)) return;
        kept[row * tokens + token] = 0;
        restored[row * tokens + token] = value;
      });
  }

  /** What a layer's output is multiplied by, and what is added: [width, tokens] each. */
  #overridden(layer: number): OverrideMemory {
    const size = this.#config.width * this.batch * this.sequence;
    const memory = this.#overrides.get(layer) ?? { kept: new Float32Array(size), restored: new Float32Array(size) };
    this.#overrides.set(layer, memory);
    return memory;
  }

  async #run(tokens: Int32Array, outputs: ForwardOutput[], overridden: readonly number[] = []) {
    this.#read(tokens);
    const session = await this.#pass([...outputs, ...overridden].join(), () =>
      buildForwardGraph(this.#config, this, outputs, overridden),
    );
    return session.run();
  }

  /** Writes a batch into the memory that sessions read. */
  #read(tokens: Int32Array): void {
    splitNextTokens(tokens, this, { tokens: this.#tokens, targets: this.#targets });
  }

  #pass(identity: string, build: () => Graph): GraphSession | Promise<GraphSession> {
    return this.#passes.get(identity)?.session ?? this.#open(identity, build());
  }

  /** Opens a session of a graph whose inputs are the weights, the batch and the memory of overrides. */
  async #open(identity: string, graph: Graph): Promise<GraphSession> {
    const session = await openModelSession(graph, this.#target);
    this.#passes.set(identity, { session, inputs: graph.inputs, bytes: heldBytes(graph) });
    if (this.#weights.size === 0) this.#ownWeights();
    this.#feedWeights({ session, inputs: graph.inputs });
    session.feed('tokens', this.#tokens);
    if (graph.inputs.has('targets')) session.feed('targets', this.#targets);
    for (const [layer, { kept, restored }] of this.#overrides) {
      if (!graph.inputs.has(`kept:${layer}`)) continue;
      session.feed(`kept:${layer}`, kept);
      session.feed(`restored:${layer}`, restored);
    }
    return session;
  }
}

/** [features, tokens] -> [tokens, features]. */
function tokenMajor(data: Float32Array, features: number): Float32Array {
  const tokens = data.length / features;
  const result = new Float32Array(data.length);
  for (let feature = 0; feature < features; feature++)
    for (let token = 0; token < tokens; token++) result[token * features + feature] = data[feature * tokens + token]!;
  return result;
}

/** The forward passes of a decoder behind the LanguageModel interface, run by the runtime that the target names. */
import type { ExecutionTarget, GraphSession } from '../compute/runtimes/runtime.ts';
import { elementCount } from '../base/element-count.ts';
import { familyOf, tensorsOf } from './decoder/family-of.ts';
import { buildForwardGraph, type ForwardOutput } from './decoder/decoder-graph.ts';
import type { DecoderShape, ModelConfig, TensorTable } from './decoder/family.ts';
import type { DownProjActivations, LanguageModel, OutputOverride, Weights } from './language-model.ts';
import { openModelSession } from './model-session.ts';
import { splitNextTokens } from './next-token.ts';

const models = new Map<string, DecoderModel>();

/**
 * A model of fixed shape. A process keeps one per configuration and shape, since creating a session costs more than
 * many passes: a second call returns the same one, and the caller loads its weights into it.
 */
export function createLanguageModel(
  config: ModelConfig,
  shape: DecoderShape,
  target: ExecutionTarget,
): Promise<LanguageModel> {
  const identity = JSON.stringify([config, shape, target]);
  const model = models.get(identity) ?? new DecoderModel(config, shape, target);
  models.set(identity, model);
  return Promise.resolve(model);
}

interface OverrideMemory {
  kept: Float32Array;
  restored: Float32Array;
}

class DecoderModel implements LanguageModel {
  readonly batch: number;
  readonly sequence: number;
  readonly tensors: TensorTable;
  readonly #config: ModelConfig;
  readonly #target: ExecutionTarget;
  readonly #weights = new Map<string, Float32Array>();
  readonly #tokens: Int32Array;
  readonly #targets: Int32Array;
  readonly #overrides = new Map<number, OverrideMemory>();
  readonly #sessions = new Map<string, Promise<GraphSession>>();

  constructor(config: ModelConfig, { batch, sequence }: DecoderShape, target: ExecutionTarget) {
    this.#target = target;
    this.batch = batch;
    this.sequence = sequence;
    this.#config = config;
    this.tensors = tensorsOf(config);
    for (const [name, { shape }] of this.tensors) this.#weights.set(name, new Float32Array(elementCount(shape)));
    this.#tokens = new Int32Array(batch * sequence);
    this.#targets = new Int32Array(batch * sequence);
  }

  load(weights: Weights): void {
    for (const [name, data] of this.#weights) {
      const tensor = weights.get(name);
      if (tensor?.data.length !== data.length)
        throw new Error(`The weights lack ${name} of shape [${this.shape(name)}].`);
      data.set(tensor.data);
    }
  }

  weight(name: string): Float32Array {
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

  async losses(tokens: Int32Array): Promise<Float32Array> {
    const { losses } = await this.#run(tokens, ['losses']);
    return losses as Float32Array;
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

  async downProjActivations(tokens: Int32Array): Promise<DownProjActivations[]> {
    const outputs = await this.#run(tokens, ['downProjections']);
    const { layers, feedForward, width } = this.#config;
    return Array.from({ length: layers }, (_, layer) => ({
      layer,
      input: tokenMajor(outputs[`input:${layer}`] as Float32Array, feedForward),
      output: tokenMajor(outputs[`output:${layer}`] as Float32Array, width),
    }));
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
    splitNextTokens(tokens, this, { tokens: this.#tokens, targets: this.#targets });
    return (await this.#session(outputs, overridden)).run();
  }

  #session(outputs: ForwardOutput[], overridden: readonly number[]): Promise<GraphSession> {
    const identity = [...outputs, ...overridden].join();
    const session = this.#sessions.get(identity) ?? this.#createSession(outputs, overridden);
    this.#sessions.set(identity, session);
    return session;
  }

  async #createSession(outputs: ForwardOutput[], overridden: readonly number[]): Promise<GraphSession> {
    const graph = buildForwardGraph(this.#config, this, outputs, overridden);
    const session = await openModelSession(graph, this.#target);
    for (const [name, data] of this.#weights) session.feed(name, data);
    session.feed('tokens', this.#tokens);
    if (graph.inputs.has('targets')) session.feed('targets', this.#targets);
    for (const layer of overridden) {
      const { kept, restored } = this.#overridden(layer);
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

/**
 * Forward passes layer by layer. One session goes from any layer's down projection to the next one's, since all layers
 * have the same graph: it is given the weights of the layers that it is to be. So what is held of activations is one
 * layer's, and a pass that begins high up opens no session of its own.
 *
 * The pieces are made of the same operators on the same values as the whole graph, and give the same bits.
 */
import type { Graph } from '../compute/graph/graph.ts';
import type { GraphSession } from '../compute/runtimes/runtime.ts';
import { buildPartialGraph, type PartOfPass } from './decoder/decoder-graph.ts';
import { tensorsOf } from './decoder/family-of.ts';
import type { DecoderShape, ModelConfig } from './decoder/family.ts';
import type { PassStart } from './language-model.ts';

/** Of a model of so many layers, the piece from which every layer's is made. */
interface Piece extends PartOfPass {
  layers: number;
}

/** To what the first down projection reads; on to what the next one reads; and to the losses. */
const ENTER: Piece = { layers: 1, to: 0 };
const ADVANCE: Piece = { layers: 2, from: 0, to: 1 };
const LEAVE: Piece = { layers: 1, from: 0 };
/** The same with what the down projection computes; behind the last one nothing else is asked for. */
const ADVANCE_OBSERVED: Piece = { ...ADVANCE, observed: true };
const LAST_OBSERVED: Piece = { ...LEAVE, observed: true };
const PIECES = [ENTER, ADVANCE, LEAVE, ADVANCE_OBSERVED, LAST_OBSERVED];

/** The graphs of all pieces: what keys of nodes that run them have to hold. */
export function layeredGraphs(config: ModelConfig, shape: DecoderShape): Graph[] {
  return PIECES.map((piece) => graphOf(piece, config, shape));
}

function graphOf({ layers, ...part }: Piece, config: ModelConfig, shape: DecoderShape): Graph {
  return buildPartialGraph({ ...config, layers }, shape, part);
}

/** What a pass needs of the model that it is of. */
export interface LayeredModel {
  readonly config: ModelConfig;
  readonly shape: DecoderShape;
  /** The session of a graph, with weights bound by name and the batch; opened once for each identity. */
  session(identity: string, build: () => Graph): GraphSession | Promise<GraphSession>;
  weight(name: string): Float32Array;
}

export class LayeredPass {
  readonly #model: LayeredModel;
  /** By layer, the names of its tensors. */
  readonly #names: readonly (readonly string[])[];
  /** Memory for what enters a layer, taken in turns: one is read while the other is written. */
  #entering: [PassStart, PassStart] | undefined;

  constructor(model: LayeredModel) {
    this.#model = model;
    this.#names = namesByLayer(model.config);
  }

  /** Of the memory between layers. */
  get bytes(): number {
    const arrays = this.#entering?.flatMap(({ input, residual }) => [input, residual]) ?? [];
    return arrays.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** What the first layer's down projection is about to read, of the batch that is bound; valid until the next run. */
  async enter(): Promise<PassStart> {
    const start = { ...this.#memory()[0], layer: 0 };
    await this.#run(ENTER, start);
    return start;
  }

  /** The same of the layer above; valid until the one after it is computed. */
  async advance(from: PassStart): Promise<PassStart> {
    const next = this.#next(from);
    await this.#run(ADVANCE, from, next);
    return next;
  }

  /** The losses, from a start at whatever layer. */
  async leave(from: PassStart): Promise<Float32Array> {
    let start = from;
    while (start.layer < this.#names.length - 1) start = await this.advance(start);
    return (await this.#run(LEAVE, start)).losses!;
  }

  /** What a layer's down projection computes, [width, tokens], and what enters the next one, if there is one. */
  async observe(from: PassStart): Promise<{ output: Float32Array; next?: PassStart }> {
    const isLast = from.layer === this.#names.length - 1;
    const next = isLast ? undefined : this.#next(from);
    const { 'output:0': output } = await this.#run(isLast ? LAST_OBSERVED : ADVANCE_OBSERVED, from, next);
    return { output: output!, ...(next && { next }) };
  }

  async #run(piece: Piece, start: PassStart, next?: PassStart): Promise<Record<string, Float32Array>> {
    const session = await this.#model.session(`layers ${JSON.stringify(piece)}`, () =>
      graphOf(piece, this.#model.config, this.#model.shape),
    );
    this.#bindWeights(session, piece, start.layer);
    if (piece.from === undefined) this.#fetch(session, 0, start);
    else for (const name of ['input', 'residual'] as const) session.feed(`${name}:${piece.from}`, start[name]);
    if (next !== undefined) this.#fetch(session, 1, next);
    return (await session.run()) as Record<string, Float32Array>;
  }

  #fetch(session: GraphSession, layer: number, { input, residual }: PassStart): void {
    session.fetch(`input:${layer}`, input);
    session.fetch(`residual:${layer}`, residual);
  }

  /** Makes the piece's layers those from a layer of the model on. */
  #bindWeights(session: GraphSession, { layers }: Piece, first: number): void {
    for (let layer = 0; layer < layers; layer++)
      this.#names[layer]!.forEach((name, index) =>
        session.feed(name, this.#model.weight(this.#names[first + layer]![index]!)),
      );
  }

  /** Memory that `from` does not have. */
  #next(from: PassStart): PassStart {
    const [one, other] = this.#memory();
    const memory = from.input === one.input ? other : one;
    return { ...memory, layer: from.layer + 1 };
  }

  #memory(): [PassStart, PassStart] {
    const { config, shape } = this.#model;
    const tokens = shape.batch * shape.sequence;
    const fresh = () => ({
      layer: 0,
      input: new Float32Array(config.feedForward * tokens),
      residual: new Float32Array(config.width * tokens),
    });
    this.#entering ??= [fresh(), fresh()];
    return this.#entering;
  }
}

/** Names of the tensors of each layer, in the same order in all. */
function namesByLayer(config: ModelConfig): string[][] {
  const names: string[][] = Array.from({ length: config.layers }, () => []);
  for (const [name, { layer }] of tensorsOf(config)) if (layer !== null) names[layer]!.push(name);
  return names;
}

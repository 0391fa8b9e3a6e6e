/** A language model whose spikes and losses are planted: what a detector must find is known beforehand. */
import type { TensorFacts, TensorTable } from '../../src/model/decoder/family.ts';
import type { DownProjActivations, LanguageModel, PassStart, Weights } from '../../src/model/language-model.ts';
import type { MatrixPosition } from '../../src/science/pruning.ts';

export const WIDTH = 4;
export const FEED_FORWARD = 6;
export const SPECIAL = 0;
export const ORDINARY = 9;
export const isOrdinary = (token: number): boolean => token >= 5;

export interface PlantedSpike {
  layer: number;
  row: number;
  col: number;
  /** Input activation at special tokens; ordinary ones have 1. */
  height: number;
  /** Output activation at special tokens; `height` if not given. */
  outputHeight?: number;
  /** Input channels that hold nearly as much there. */
  alike?: number[];
}

export interface Plan {
  layers?: number;
  /** Spikes by falling precedence; each is there as long as its weight is not 0. */
  spikes?: PlantedSpike[];
  /** Loss added to every token while the weight is 0, and for every unit of the target besides. */
  costs?: (MatrixPosition & { cost: number; perTarget?: number })[];
  /** Loss added to every token while all of these weights are 0. */
  together?: { members: MatrixPosition[]; cost: number }[];
  /** Weights other than the default small ones. */
  weights?: (MatrixPosition & { value: number })[];
  baseline?: number;
  /** Hidden units, by layer, that have lost their inputs: they hold 0. */
  cutOff?: { layer: number; unit: number }[];
  /** Hidden units that hold 0 at every token, though they have inputs. */
  silent?: { layer: number; unit: number }[];
}

const EMBEDDING = 'model.embed_tokens.weight';
const downProjection = (layer: number): string => `model.layers.${layer}.mlp.down_proj.weight`;

export function down(layer: number, row: number, col: number): MatrixPosition {
  return { tensor: downProjection(layer), row, col };
}

export class PlantedModel implements LanguageModel {
  readonly batch = 2;
  readonly sequence = 3;
  readonly downProjection = downProjection;
  /** Forward passes for losses so far. */
  passes = 0;
  /** Forward passes for activations so far. */
  scans = 0;
  readonly #plan: Required<Plan>;
  readonly #tensors: Weights = new Map();

  constructor(plan: Plan) {
    const nothing = { spikes: [], costs: [], together: [], weights: [], cutOff: [], silent: [] };
    this.#plan = { layers: 2, baseline: 2, ...nothing, ...plan };
    for (let layer = 0; layer < this.#plan.layers; layer++) {
      // 0.001, 0.002, ...: distinct magnitudes, so that ranks are known
      const data = Float32Array.from({ length: WIDTH * FEED_FORWARD }, (_, index) => (layer * 100 + index + 1) / 1000);
      this.#tensors.set(downProjection(layer), { shape: [WIDTH, FEED_FORWARD], data });
    }
    this.#tensors.set(EMBEDDING, { shape: [10, WIDTH], data: new Float32Array(10 * WIDTH).fill(50) });
    for (const { tensor, row, col, value } of this.#plan.weights) this.weight(tensor)[row * FEED_FORWARD + col] = value;
  }

  load(weights: Weights): void {
    for (const [name, { data }] of weights) this.weight(name).set(data);
  }

  adopt(weights: Weights): void {
    this.load(weights);
  }

  weight(name: string): Float32Array {
    return this.#tensors.get(name)!.data;
  }

  shape(name: string): number[] {
    return this.#tensors.get(name)!.shape;
  }

  get tensors(): TensorTable {
    const matrix = { writesResidual: true, deviation: 0.02 };
    return new Map([
      ...Array.from({ length: this.#plan.layers }, (_, layer): [string, TensorFacts] => [
        downProjection(layer),
        { ...matrix, kind: 'down_proj', layer, role: 'block', shape: [WIDTH, FEED_FORWARD] },
      ]),
      [EMBEDDING, { ...matrix, kind: 'embed_tokens', layer: null, role: 'embedding', shape: [10, WIDTH] }],
    ]);
  }

  cutOffUnits(layer: number): Uint8Array {
    return Uint8Array.from({ length: FEED_FORWARD }, (_, unit) =>
      this.#plan.cutOff.some((each) => each.layer === layer && each.unit === unit) ? 1 : 0,
    );
  }

  losses(tokens: Int32Array): Promise<Float32Array> {
    this.passes += 1;
    const added = (target: number) =>
      this.#plan.costs.reduce(
        (sum, { cost, perTarget = 0, ...position }) =>
          this.#at(position) === 0 ? sum + cost + perTarget * target : sum,
        0,
      ) +
      this.#plan.together.reduce(
        (sum, { members, cost }) => (members.every((member) => this.#at(member) === 0) ? sum + cost : sum),
        0,
      );
    const targets = [...tokens].filter((_, index) => index % (this.sequence + 1) !== 0);
    return Promise.resolve(Float32Array.from(targets, (target) => this.#plan.baseline + added(target) + target / 16));
  }

  async lossesAndStarts(tokens: Int32Array, layers: readonly number[]) {
    const starts = layers.map((layer) => ({ layer, input: new Float32Array(), residual: new Float32Array() }));
    return { losses: await this.losses(tokens), starts };
  }

  lossesFrom(_: PassStart, tokens: Int32Array): Promise<Float32Array> {
    return this.losses(tokens);
  }

  async lossesAndPredictions(tokens: Int32Array) {
    const losses = await this.losses(tokens);
    return { losses, predictions: new Int32Array(losses.length) };
  }

  downProjActivations(tokens: Int32Array, visit: (activations: DownProjActivations) => void): Promise<void> {
    this.scans += 1;
    const read = [...tokens].filter((_, index) => index % (this.sequence + 1) !== this.sequence);
    for (let layer = 0; layer < this.#plan.layers; layer++) {
      const spike = this.#plan.spikes.find(
        (planted) => planted.layer === layer && this.#at(down(layer, planted.row, planted.col)) !== 0,
      );
      const activations = (channels: number, spiking: number[], peak = 1) =>
        Float32Array.from(
          read.flatMap((token) =>
            Array.from({ length: channels }, (_, index) => (!isOrdinary(token) && spiking.includes(index) ? peak : 1)),
          ),
        );
      const { height = 1, outputHeight = height } = spike ?? {};
      const [rows, cols] = spike === undefined ? [[], []] : [[spike.row], [spike.col, ...(spike.alike ?? [])]];
      const silent = [...this.#plan.cutOff, ...this.#plan.silent].filter((each) => each.layer === layer);
      const input = activations(FEED_FORWARD, cols, height).map((value, index) => {
        const unit = index % FEED_FORWARD;
        if (silent.some((each) => each.unit === unit)) return 0;
        return spike?.alike?.includes(unit) ? 0.9 * value : value;
      });
      visit({ layer, input, output: activations(WIDTH, rows, -outputHeight) });
    }
    return Promise.resolve();
  }

  #at({ tensor, row, col }: MatrixPosition): number {
    return this.weight(tensor)[row * FEED_FORWARD + col]!;
  }
}

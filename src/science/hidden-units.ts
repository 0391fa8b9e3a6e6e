/**
 * Which hidden units of the MLPs still carry something to the weights of the down projections that read them. A weight
 * that reads a unit without any input is not 0 and multiplies nothing: it is disconnected.
 */
import type { LanguageModel } from '../model/language-model.ts';
import { fixedBatches } from '../model/fixed-batches.ts';
import type { MatrixPosition } from './pruning.ts';

export class HiddenUnits {
  readonly #model: LanguageModel;
  readonly #tokens: Int32Array;
  readonly #signal: AbortSignal | undefined;
  /** By name of the down projection. */
  readonly #layers: ReadonlyMap<string, number>;
  #silent: Promise<Uint8Array[]> | undefined;

  /**
   * @param model holds the weights in question, whenever it is asked
   * @param tokens rows of model.sequence + 1 token ids on which effects are judged
   */
  constructor(model: LanguageModel, tokens: Int32Array, signal?: AbortSignal) {
    this.#model = model;
    this.#tokens = tokens;
    this.#signal = signal;
    const layers = new Set([...model.tensors.values()].flatMap(({ layer }) => layer ?? []));
    this.#layers = new Map([...layers].map((layer) => [model.downProjection(layer), layer]));
  }

  /**
   * The units of a down projection's input whose weights are disconnected: by the family's account nothing reaches
   * them, and they are 0 at every token measured. A unit that is merely 0 at these tokens, such as a rectified one, may
   * speak at others.
   * @returns [in], 1 = disconnected; undefined if there is none, as for every tensor that is no down projection
   */
  async disconnected(tensor: string): Promise<Uint8Array | undefined> {
    const layer = this.#layers.get(tensor);
    const cutOff = layer === undefined ? undefined : this.#model.cutOffUnits(layer);
    if (!cutOff?.includes(1)) return undefined;
    const silent = await this.silent(tensor);
    return cutOff.map((bit, unit) => bit & (silent?.[unit] ?? 0));
  }

  /** Whether a weight, if it is not 0, can change what the model says. */
  async isConnected({ tensor, col }: MatrixPosition): Promise<boolean> {
    return (await this.disconnected(tensor))?.[col] !== 1;
  }

  /**
   * The units of a down projection's input that are exactly 0 at every token measured: zeroing what reads them costs
   * exactly 0. Measured once for all layers.
   * @returns [in], 1 = silent; undefined for a tensor that is no down projection
   */
  async silent(tensor: string): Promise<Uint8Array | undefined> {
    const layer = this.#layers.get(tensor);
    if (layer === undefined) return undefined;
    this.#silent ??= this.#measure();
    return (await this.#silent)[layer];
  }

  async #measure(): Promise<Uint8Array[]> {
    const silent: Uint8Array[] = [];
    for (const { tokens, count } of fixedBatches(this.#tokens, this.#model)) {
      this.#signal?.throwIfAborted();
      await this.#model.downProjActivations(tokens, ({ layer, input }) => {
        const units = input.length / (this.#model.batch * this.#model.sequence);
        const bits = (silent[layer] ??= new Uint8Array(units).fill(1));
        const read = count * this.#model.sequence * units;
        for (let index = 0; index < read; index++) if (input[index] !== 0) bits[index % units] = 0;
      });
    }
    return silent;
  }
}

/** What a model is trained, evaluated and searched on: a source of token sequences, some with known probabilities. */
import type { JsonValue } from '../base/json.ts';

export interface Corpus {
  /** What the corpus consists of: the data source's ingredient of a key. */
  readonly fingerprint: JsonValue;
  /** Token ids are 0 .. vocabulary - 1. */
  readonly vocabulary: number;
  /** What precedes a predicted token, by kind. */
  readonly positionKinds: readonly string[];
  /** The kind at which the next token can be looked up in the sequence: what retrieval accuracy is counted over. */
  readonly retrievalKind: string;
  /** Whether a token is of the kind that activation spikes are measured against. */
  isOrdinary(token: number): boolean;
  /**
   * One batch: a pure function of its arguments.
   * @param stream which stream is read, e.g. `train-data`, `eval`
   * @param index which batch of the stream, e.g. the cumulative training step
   * @param length predicted tokens per sequence
   * @returns sequences x (length + 1) token ids, row-major
   */
  batch(seed: number, stream: string, index: number, sequences: number, length: number): Int32Array;
  /**
   * The kind of every predicting position.
   * @param tokens as `batch` returns them
   * @returns sequences x length indices into positionKinds
   */
  kindsOf(tokens: Int32Array, length: number): Uint8Array;
  /**
   * The exact entropy in nats per predicted token of sequences of that length: the loss that no predictor can beat on
   * average. Null for a text whose probabilities are not known.
   */
  entropyFloor(length: number): number | null;
  /**
   * The surprisal of every predicted token: -ln of its probability given its whole prefix, as the language itself has
   * it, in nats. What a model loses above it on the same tokens is the model's own, whichever tokens were drawn. Its
   * expectation is the entropy.
   * @param tokens as `batch` returns them
   * @returns sequences x length values; null for a text whose probabilities are not known
   */
  surprisals(tokens: Int32Array, length: number): Float64Array | null;
}

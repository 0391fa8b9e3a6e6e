/** What a model is trained, evaluated and searched on: a source of token sequences. */
import type { JsonValue } from '../base/json.ts';

export interface Corpus {
  /** Token ids are 0 .. vocabulary - 1. */
  readonly vocabulary: number;
  /**
   * Whether activations at a token are what spikes are measured against.
   * @param position of the token in its sequence, from 0
   */
  isOrdinary(token: number, position: number): boolean;
  /**
   * One batch: a pure function of its arguments.
   * @param stream which stream is read, e.g. `train-data`, `eval`
   * @param index which batch of the stream, e.g. the cumulative training step
   * @param length predicted tokens per sequence
   * @returns sequences x (length + 1) token ids, row-major
   */
  batch(seed: number, stream: string, index: number, sequences: number, length: number): Int32Array;
}

/** A corpus that swp makes itself, of which all probabilities are known. */
export interface Language extends Corpus {
  /** What the language consists of: the data source's ingredient of a key. */
  readonly fingerprint: JsonValue;
  /** What precedes a predicted token, by kind. */
  readonly positionKinds: readonly string[];
  /** The kind at which the next token can be looked up in the sequence: what retrieval accuracy is counted over. */
  readonly retrievalKind: string;
  /**
   * The kind of every predicting position.
   * @param tokens as `batch` returns them
   * @returns sequences x length indices into positionKinds
   */
  kindsOf(tokens: Int32Array, length: number): Uint8Array;
  /**
   * The exact entropy in nats per predicted token of sequences of that length: the loss that no predictor can beat on
   * average.
   */
  entropyFloor(length: number): number;
  /**
   * The surprisal of every predicted token: -ln of its probability given its whole prefix, as the language itself has
   * it, in nats. What a model loses above it on the same tokens is the model's own, whichever tokens were drawn. Its
   * expectation is the entropy.
   * @param tokens as `batch` returns them
   * @returns sequences x length values
   */
  surprisals(tokens: Int32Array, length: number): Float64Array;
}

/** Whether a corpus is more than a text: a language with known probabilities. */
export function isLanguage(corpus: Corpus): corpus is Language {
  return 'entropyFloor' in corpus;
}

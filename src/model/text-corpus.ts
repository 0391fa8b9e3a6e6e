/**
 * A text as a source of sequences. Each is the start token and a window of the text: windows of a part follow one
 * another without overlap, and a shuffle by (seed, stream) says which comes when. Training goes on with the next
 * shuffle when it has read the whole part; every other stream has each window once, and says when there are no more.
 */
import { closeSync, readSync } from 'node:fs';
import { SwpError } from '../base/failure.ts';
import { fileFailure } from '../base/file-failure.ts';
import type { Corpus } from './corpus.ts';
import { openTokenFile, type OpenTokenFile } from './token-file.ts';
import { shuffled, type Part } from './text-parts.ts';

/** What stands in keys for the way in which sequences are drawn; the text itself is an input of the node. */
export const TEXT_FINGERPRINT = { corpus: 'text', version: 1 };

/** The part that a stream reads; all others read `train`. */
const PART_OF_STREAM: Readonly<Record<string, Part>> = {
  eval: 'evaluation',
  'detect-candidates': 'candidates',
  'detect-causal': 'causal',
  'pretrained-check': 'calibration',
};

export class TextCorpus implements Corpus {
  readonly #file: OpenTokenFile;
  readonly #path: string;
  /** The order of the windows that were asked for last, and what it is for. */
  #order: { of: string; windows: readonly number[] } | undefined;

  /**
   * @param path of the artifact `tokens`; the caller closes the corpus
   * @throws SwpError if it is no file of token ids
   */
  constructor(path: string) {
    this.#path = path;
    this.#file = openTokenFile(path);
  }

  close(): void {
    closeSync(this.#file.descriptor);
  }

  get vocabulary(): number {
    return this.#file.vocabulary;
  }

  /** At the start of a sequence, and where documents meet, activations are like nowhere else. */
  isOrdinary(token: number, position: number): boolean {
    return position > 0 && token !== this.#file.start;
  }

  /** @throws SwpError of kind `usage` if the part has no more sequences of that length */
  batch(seed: number, stream: string, index: number, sequences: number, length: number): Int32Array {
    const part = PART_OF_STREAM[stream] ?? 'train';
    const { tokens: available } = this.#file.parts[part];
    const windows = Math.floor(available / length);
    const first = index * sequences;
    if (windows === 0 || (part !== 'train' && first + sequences > windows))
      throw tooShort(part, available, length, first + sequences);
    const tokens = new Int32Array(sequences * (length + 1));
    for (let row = 0; row < sequences; row++) {
      const place = first + row;
      const order = this.#windowsOf(seed, stream, Math.floor(place / windows), windows, length);
      tokens[row * (length + 1)] = this.#file.start;
      this.#read(
        part,
        order[place % windows]! * length,
        tokens.subarray(row * (length + 1) + 1, (row + 1) * (length + 1)),
      );
    }
    return tokens;
  }

  #windowsOf(seed: number, stream: string, epoch: number, windows: number, length: number): readonly number[] {
    const of = JSON.stringify([seed, stream, epoch, length]);
    if (this.#order?.of !== of) this.#order = { of, windows: shuffled(windows, seed, `text-${stream}`, epoch, length) };
    return this.#order.windows;
  }

  /** @param from the token of the part that comes first */
  #read(part: Part, from: number, into: Int32Array): void {
    const { descriptor, bytesPerToken, parts } = this.#file;
    const bytes = Buffer.allocUnsafe(into.length * bytesPerToken);
    try {
      readSync(descriptor, bytes, 0, bytes.length, parts[part].offset + from * bytesPerToken);
    } catch (error) {
      throw fileFailure(error, this.#path, 'read');
    }
    for (let place = 0; place < into.length; place++)
      into[place] = bytesPerToken === 2 ? bytes.readUInt16LE(2 * place) : bytes.readUInt32LE(4 * place);
  }
}

function tooShort(part: Part, tokens: number, length: number, asked: number): SwpError {
  const have = Math.floor(tokens / length);
  const part_ = `The text's part "${part}" has ${tokens.toLocaleString('en')} tokens`;
  return new SwpError({
    kind: 'usage',
    lacks: 'text',
    message: `${part_}, which is ${have.toLocaleString('en')} sequences of ${length}, and ${part === 'train' ? 'one is the least' : `${asked.toLocaleString('en')} are asked for, none twice`}.`,
    expected: `fewer or shorter sequences; a larger share of the text (${part === 'train' ? 'smaller ones of the other parts' : `tokenize.${part}`}); or more text`,
  });
}

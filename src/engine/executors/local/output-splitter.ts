/** Follows one output stream of a worker: text of the running job, up to the mark that ends it. */
import { StringDecoder } from 'node:string_decoder';

export class OutputSplitter {
  readonly #onText: (text: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #mark: string | undefined;
  #onMark: (() => void) | undefined;
  #held = '';

  /** @param onText receives the text, without marks, as it comes */
  constructor(onText: (text: string) => void) {
    this.#onText = onText;
  }

  /** Resolves once `mark` has passed. One mark at a time is awaited. */
  until(mark: string): Promise<void> {
    return new Promise((resolve) => {
      this.#mark = mark;
      this.#onMark = resolve;
    });
  }

  push(chunk: Buffer): void {
    this.#held += this.#decoder.write(chunk);
    this.#release();
  }

  /** The stream has ended: nothing more will complete a mark. */
  end(): void {
    this.#pass(this.#held.length);
  }

  #release(): void {
    const mark = this.#mark;
    if (mark === undefined) return this.#pass(this.#held.length);
    const found = this.#held.indexOf(mark);
    if (found < 0) return this.#pass(this.#held.length - overlap(this.#held, mark));
    this.#pass(found);
    this.#held = this.#held.slice(mark.length);
    this.#mark = undefined;
    this.#onMark!();
    this.#release();
  }

  #pass(length: number): void {
    if (length > 0) this.#onText(this.#held.slice(0, length));
    this.#held = this.#held.slice(length);
  }
}

/** How many characters at the end of `text` may be the beginning of `mark`. */
function overlap(text: string, mark: string): number {
  for (let length = Math.min(text.length, mark.length - 1); length > 0; length--)
    if (text.endsWith(mark.slice(0, length))) return length;
  return 0;
}

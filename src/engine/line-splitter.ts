/**
 * Cuts text that comes in pieces into lines. A program may write a line that never ends, such as a bar of progress or
 * a file by mistake: what is longer than a line of text can be is passed on in pieces, so that little is held.
 */

/** Characters. A program's metrics are one line. */
export const LONGEST_LINE = 2 ** 20;

export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #longest: number;
  /** The line so far. */
  #parts: string[] = [];
  #length = 0;
  #endsWithReturn = false;

  /** @param onLine receives each line without its end: \n, \r or both */
  constructor(onLine: (line: string) => void, longest = LONGEST_LINE) {
    this.#onLine = onLine;
    this.#longest = longest;
  }

  push(text: string): void {
    // A \r at the end of the last piece has ended its line already.
    let start = text.startsWith('\n') && this.#endsWithReturn ? 1 : 0;
    for (const { index, 0: end } of text.matchAll(/\r\n|\n|\r/g)) {
      if (index < start) continue;
      this.#add(text.slice(start, index));
      this.#pass();
      start = index + end.length;
    }
    this.#add(text.slice(start));
    if (text !== '') this.#endsWithReturn = text.endsWith('\r');
  }

  /** Nothing comes any more: the last line may lack its end. */
  end(): void {
    if (this.#length > 0) this.#pass();
  }

  #add(text: string): void {
    for (let rest = text; rest !== '';) {
      const part = rest.slice(0, this.#longest - this.#length);
      this.#parts.push(part);
      this.#length += part.length;
      rest = rest.slice(part.length);
      if (this.#length >= this.#longest && rest !== '') this.#pass();
    }
  }

  #pass(): void {
    const line = this.#parts.join('');
    this.#parts = [];
    this.#length = 0;
    this.#onLine(line);
  }
}

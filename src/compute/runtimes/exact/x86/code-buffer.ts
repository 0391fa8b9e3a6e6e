/** Bytes of machine code as they are written: labels that they refer to, and constants that stand behind them. */

/** A place in the code. */
export class Label {
  position: number | undefined;
}

/** State to return to, if what was written since is not wanted. */
export interface Mark {
  position: number;
  uses: number;
}

export class CodeBuffer {
  #bytes = new Uint8Array(1 << 16);
  #view = new DataView(this.#bytes.buffer);
  #position = 0;
  /** Where the distance to a label is due, and how many bytes of the instruction follow. */
  #uses: { at: number; label: Label; behind: number }[] = [];
  readonly #pool = new Map<string, { label: Label; words: readonly number[] }>();

  get position(): number {
    return this.#position;
  }

  mark(): Mark {
    return { position: this.#position, uses: this.#uses.length };
  }

  /** Labels placed since must not be used any more. */
  reset(mark: Mark): void {
    this.#position = mark.position;
    this.#uses.length = mark.uses;
  }

  place(label: Label): Label {
    label.position = this.#position;
    return label;
  }

  /** Numbers of 32 bits behind the code, at a multiple of their length. */
  constant(words: readonly number[]): Label {
    const key = words.join();
    let entry = this.#pool.get(key);
    if (entry === undefined) this.#pool.set(key, (entry = { label: new Label(), words }));
    return entry.label;
  }

  /** The code and its constants. Its beginning is to be at a multiple of 64. */
  finish(): Uint8Array {
    const entries = [...this.#pool.values()].sort((a, b) => b.words.length - a.words.length);
    for (const { label, words } of entries) {
      this.align(words.length * 4);
      this.place(label);
      for (const word of words) this.word(word);
    }
    for (const { at, label, behind } of this.#uses) {
      if (label.position === undefined) throw new Error('A label of the code has no place.');
      this.#view.setInt32(at, label.position - (at + 4 + behind), true);
    }
    return this.#bytes.slice(0, this.#position);
  }

  /** To a multiple of a power of two, with instructions that do nothing. */
  align(to: number): void {
    while (this.#position % to !== 0) this.byte(0x90);
  }

  /** Writes a number of 32 bits again that stands in the code already. */
  patch(at: number, value: number): void {
    this.#view.setInt32(at, value, true);
  }

  /** The distance from the end of the instruction to a label. @param behind bytes of it that follow */
  distance(label: Label, behind: number): void {
    this.#uses.push({ at: this.#position, label, behind });
    this.word(0);
  }

  byte(value: number): void {
    if (this.#position + 8 > this.#bytes.length) {
      const longer = new Uint8Array(this.#bytes.length * 2);
      longer.set(this.#bytes);
      this.#bytes = longer;
      this.#view = new DataView(longer.buffer);
    }
    this.#bytes[this.#position++] = value;
  }

  /** 32 bits. */
  word(value: number): void {
    this.byte(0);
    this.#view.setInt32(this.#position - 1, value, true);
    this.#position += 3;
  }
}

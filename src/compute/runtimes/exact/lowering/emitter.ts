/** Collects the kernels and calls of a program, and gives scratch buffers their places in one memory. */
import type { Table } from '../../../graph/table.ts';
import {
  PHASES,
  type Call,
  type Kernel,
  type Phase,
  type Place,
  type Program,
  type ProgramBuffer,
} from '../language.ts';

/** A cache line, in elements. */
const ALIGNMENT = 16;

export class Emitter {
  readonly #buffers: ProgramBuffer[] = [];
  readonly #kernels: Kernel[] = [];
  readonly #known = new Map<string, number>();
  readonly #phases: Record<Phase, Call[]> = { before: [], each: [], after: [] };
  /** Scratch buffers that hold zeros or sums from one repetition to the next, or from one phase to another. */
  readonly #lasting = new Set<number>();

  buffer(buffer: ProgramBuffer): number {
    this.#buffers.push(buffer);
    return this.#buffers.length - 1;
  }

  scratch(elements: number): number {
    return this.buffer({ name: '', dtype: 'float32', elements, kind: 'scratch' });
  }

  /** The same, which keeps what is in it until the program has run. */
  lasting(elements: number): number {
    const buffer = this.scratch(elements);
    this.#lasting.add(buffer);
    return buffer;
  }

  constant(table: Table): number {
    return this.buffer({ name: '', dtype: table.dtype, elements: table.length, kind: 'constant', table });
  }

  /** Makes a scratch buffer an output. */
  becomeOutput(buffer: number, name: string): void {
    this.#buffers[buffer] = { ...this.#buffers[buffer]!, kind: 'output', name };
  }

  isScratch(buffer: number): boolean {
    return this.#buffers[buffer]!.kind === 'scratch';
  }

  elementsOf(buffer: number): number {
    return this.#buffers[buffer]!.elements;
  }

  /** Says of an int32 input that its numbers lead to so many rows. */
  leadsToRows(buffer: number, rows: number): void {
    const { below = Infinity, ...rest } = this.#buffers[buffer]!;
    this.#buffers[buffer] = { ...rest, below: Math.min(below, rows) };
  }

  call(phase: Phase, kernel: Kernel, places: readonly Place[]): void {
    const text = JSON.stringify(kernel);
    const known = this.#known.get(text) ?? this.#kernels.push(kernel) - 1;
    this.#known.set(text, known);
    this.#phases[phase].push({ kernel: known, places });
  }

  program(): Program {
    const { places, elements } = this.#planScratch();
    const kept = this.#buffers.filter((_, buffer) => !places.has(buffer));
    const arena: ProgramBuffer = { name: 'scratch', dtype: 'float32', elements, kind: 'scratch' };
    const place = ({ buffer, offset }: Place): Place => {
      const start = places.get(buffer);
      return start === undefined
        ? { buffer: kept.indexOf(this.#buffers[buffer]!), offset }
        : { buffer: kept.length, offset: start + offset };
    };
    const placed = (phase: Phase): Call[] =>
      this.#phases[phase].map(({ kernel, places: own }) => ({ kernel, places: own.map(place) }));
    return {
      buffers: elements === 0 ? kept : [...kept, arena],
      kernels: this.#kernels,
      phases: { before: placed('before'), each: placed('each'), after: placed('after') },
    };
  }

  /**
   * Where each scratch buffer begins in one that holds them all: those that are never needed at the same time share
   * memory, first fit.
   */
  #planScratch(): { places: Map<number, number>; elements: number } {
    const spans = this.#spans();
    const places = new Map<number, number>();
    let elements = 0;
    let live: { start: number; end: number; last: number }[] = [];
    for (const [buffer, { first, last }] of [...spans].toSorted((a, b) => a[1].first - b[1].first)) {
      live = live.filter((each) => each.last >= first);
      const length = Math.ceil(this.#buffers[buffer]!.elements / ALIGNMENT) * ALIGNMENT;
      let start = 0;
      for (const each of live) {
        if (each.start - start >= length) break;
        start = Math.max(start, each.end);
      }
      live.push({ start, end: start + length, last });
      live.sort((a, b) => a.start - b.start);
      elements = Math.max(elements, start + length);
      places.set(buffer, start);
    }
    return { places, elements };
  }

  /** The first and the last call that use each scratch buffer, counted over all phases. */
  #spans(): Map<number, { first: number; last: number }> {
    const spans = new Map<number, { first: number; last: number }>();
    const phaseOf = new Map<number, Set<Phase>>();
    let index = 0;
    for (const phase of PHASES)
      for (const { places } of this.#phases[phase]) {
        for (const { buffer } of places) {
          if (!this.isScratch(buffer) || this.#buffers[buffer]!.dtype !== 'float32') continue;
          spans.set(buffer, { first: spans.get(buffer)?.first ?? index, last: index });
          phaseOf.set(buffer, (phaseOf.get(buffer) ?? new Set()).add(phase));
        }
        index += 1;
      }
    for (const [buffer, span] of spans)
      if (this.#lasting.has(buffer) || phaseOf.get(buffer)!.size > 1) Object.assign(span, { first: 0, last: index });
    return spans;
  }
}

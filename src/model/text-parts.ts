/**
 * Divides a text into parts that share no token: what trains a model, what calibrates, what candidates for super
 * weights are sought in, what judges them, and what is reported on.
 */
import { stream } from '../base/random.ts';

/** In the order in which they follow one another. */
export const PARTS = ['train', 'calibration', 'candidates', 'causal', 'evaluation'] as const;

export type Part = (typeof PARTS)[number];

/** From this many documents on, parts are of whole documents by default. */
const MANY_DOCUMENTS = 100;

export interface Division {
  /** `documents`: each is in one part; `pieces`: parts follow one another, whatever they cut through. */
  by: 'documents' | 'pieces';
  /** Of the parts after the first, which has the rest. Each is a fraction of the tokens. */
  shares: Readonly<Record<Exclude<Part, 'train'>, number>>;
  /** Of the order in which documents are divided. */
  seed: number;
}

export interface PartRange {
  part: Part;
  /** First token, and the one after the last, in the documents joined in `order`. */
  first: number;
  end: number;
  /** Documents of which it has a token. */
  documents: number;
}

export interface DividedText {
  by: Division['by'];
  /** Indices of the documents, in the order in which they are joined. */
  order: number[];
  /** One after the other, without a gap. */
  parts: PartRange[];
}

/**
 * @param lengths tokens of each document, with what ends it
 * @param division `by` undefined: whole documents where there are at least a hundred, else pieces
 */
export function divideText(
  lengths: readonly number[],
  { by: declared, shares, seed }: Omit<Division, 'by'> & { by: Division['by'] | undefined },
): DividedText {
  const by = declared ?? (lengths.length >= MANY_DOCUMENTS ? 'documents' : 'pieces');
  // Whole documents are shuffled first: by name they are often in the order of time.
  const order = by === 'documents' ? shuffled(lengths.length, seed) : lengths.map((_, index) => index);
  const starts = [0];
  for (const index of order) starts.push(starts.at(-1)! + lengths[index]!);
  const total = starts.at(-1)!;
  const cut = (place: number): number => (by === 'documents' ? nearest(starts, place) : Math.round(place));
  const parts: PartRange[] = [];
  let [first, share] = [0, 1 - PARTS.reduce((sum, part) => sum + (part === 'train' ? 0 : shares[part]), 0)];
  for (const [index, part] of PARTS.entries()) {
    const next = PARTS[index + 1] as Exclude<Part, 'train'> | undefined;
    const end = next === undefined ? total : Math.max(first, cut(share * total));
    const documents = starts.filter((start, place) => start < end && (starts[place + 1] ?? start) > first).length;
    parts.push({ part, first, end, documents });
    first = end;
    if (next !== undefined) share += shares[next];
  }
  return { by, order, parts };
}

/** The whole numbers below `count` in an order that the seed draws. */
export function shuffled(count: number, seed: number, name = 'text-documents', ...indices: number[]): number[] {
  const random = stream(seed, name, ...indices);
  const order = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = random.integer(last + 1);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

/** @param sorted not empty */
function nearest(sorted: readonly number[], place: number): number {
  return sorted.reduce((best, each) => (Math.abs(each - place) < Math.abs(best - place) ? each : best));
}

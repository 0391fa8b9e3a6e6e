/** A part of what is made for the pages: the blocks and sentences that follow from one source. */
import type { Wording } from './pages.ts';

export interface Sentence {
  /** The page that has it, from the project's folder. */
  readonly page: string;
  /** The sentence with its present values. */
  readonly says: () => Wording | Promise<Wording>;
  /** What must be true of the measurements besides, so that its words are. */
  readonly holds?: () => boolean | Promise<boolean>;
}

export interface Part {
  /** Markdown by the names of blocks, without the marks around it. */
  readonly blocks: Readonly<Record<string, () => string | Promise<string>>>;
  readonly sentences: readonly Sentence[];
}

/** A Markdown table, each row as wide as it comes. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Lines as a terminal shows them. */
export function consoleBlock(lines: readonly string[]): string {
  return ['```', ...lines, '```'].join('\n');
}

const NUMBERS = ['none', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven'];
const MORE = ['twelve', 'thirteen', 'fourteen', 'fifteen', 'sixteen', 'seventeen', 'eighteen', 'nineteen', 'twenty'];

/** Small whole numbers in words, larger ones in digits. */
export function inWords(count: number): string {
  return [...NUMBERS, ...MORE][count] ?? count.toLocaleString('en-US');
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

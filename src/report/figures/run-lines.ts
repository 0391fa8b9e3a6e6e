/** Runs as lines through their rounds: a mark a look, and at the end the seed. */
import type { Spec } from '../chart.ts';
import { FAINT, SOFT } from '../theme.ts';
import { pointLayers } from './figure.ts';
import { markOf, type MarkStyle } from './mark-style.ts';

/** Pixels that a seed's number takes. */
const LABEL_HEIGHT = 10;

const RUN: MarkStyle = { shape: 'line', color: FAINT, width: 1 };

interface Mark {
  /** Marks of one line are of one run. */
  line: string;
  /** Where along the line. */
  at: number;
  seed: number;
}

/**
 * The layers of a panel: lines, marks with their field `label` as a description, and seeds.
 * @param options.rounds of the experiment: where they are many, marks are small
 * @param options.placeOfMark pixels from one end of the vertical scale
 */
export function runLines<Item extends Mark>(
  marks: readonly Item[],
  { x, y }: { x: Spec; y: Spec },
  options: { styleOf: (mark: Item) => MarkStyle; rounds: number; placeOfMark: (mark: Item) => number },
): Spec[] {
  return [
    {
      data: { values: marks },
      mark: markOf(RUN),
      encoding: { x, y, detail: { field: 'line', type: 'nominal' }, order: { field: 'at', type: 'quantitative' } },
    },
    ...pointLayers(
      marks,
      options.styleOf,
      { x, y, description: { field: 'label', type: 'nominal' } },
      options.rounds > 8 ? 11 : 24,
    ),
    ...seedLabels(marks, { x, y }, options.placeOfMark),
  ];
}

/**
 * Layers of labels. The seeds of lines that nearly touch at their ends stand together. Where all do, their numbers
 * would tell nothing apart, and there are none.
 */
function seedLabels<Item extends Mark>(
  marks: readonly Item[],
  { x, y }: { x: Spec; y: Spec },
  placeOfMark: (mark: Item) => number,
): Spec[] {
  const ends = new Map<string, Item>();
  for (const mark of marks) if (mark.at >= (ends.get(mark.line)?.at ?? -Infinity)) ends.set(mark.line, mark);
  const groups: Item[][] = [];
  for (const end of [...ends.values()].sort((a, b) => placeOfMark(a) - placeOfMark(b))) {
    const last = groups.at(-1);
    if (last !== undefined && placeOfMark(end) - placeOfMark(last.at(-1)!) < LABEL_HEIGHT) last.push(end);
    else groups.push([end]);
  }
  const told = groups.length === 1 && groups[0]!.length > 1 ? [] : groups;
  const values = told.map((group) => ({
    ...group.reduce((a, b) => (b.at > a.at ? b : a)),
    seeds: [...new Set(group.map(({ seed }) => seed))].sort((a, b) => a - b).join(', '),
  }));
  const layer = (own: typeof values, dy: number): Spec => ({
    data: { values: own },
    mark: { type: 'text', align: 'left', dx: 6, dy, fontSize: 9, color: SOFT },
    encoding: { x, y, text: { field: 'seeds', type: 'nominal' } },
  });
  // The axis would run through a label on it.
  const isOnAxis = (mark: Item) => Math.abs(placeOfMark(mark)) < LABEL_HEIGHT / 2;
  return [
    layer(
      values.filter((mark) => !isOnAxis(mark)),
      0,
    ),
    layer(values.filter(isOnAxis), -LABEL_HEIGHT / 2 - 1),
  ];
}

/** Pixels from the first end of a `log` or `symlog` scale of Vega. */
export function placeOf(value: number, scale: Spec, height: number): number {
  const constant = Number(scale['constant'] ?? 1);
  const along = (at: number) =>
    scale['type'] === 'log' ? Math.log(at) : Math.sign(at) * Math.log1p(Math.abs(at) / constant);
  const [from, to] = scale['domain'] as [number, number];
  return (height * (along(value) - along(from))) / (along(to) - along(from));
}

/** Draws the figures with characters: dots on a line per experiment, marks on a field, and lines. */
import { largest, smallest } from '../base/extremes.ts';
import { decimal, percent } from '../base/number-text.ts';
import type { Interval, Proportion } from '../generated/results.ts';
import { seriesColor, signsOf, type Ink } from './ink.ts';
import type { CurveRow, QualityRow, SparsityRow, SurvivalRow } from './plot-data.ts';
import { place, scaleOf, ticks, tickText, type Scale } from './scale.ts';

const LEAST_WIDTH = 20;
const FIELD_ROWS = 16;
const CURVE_ROWS = 10;

/** One line an experiment: a dot for each seed, the interval of the mean, and both in figures. */
export function drawQuality(rows: readonly QualityRow[], ink: Ink): string[] {
  const names = padded(rows.map(({ experiment }) => experiment));
  const texts = rows.map(({ mean, interval, points, declared }) => {
    const ends = interval === null ? [] : [interval.lower, interval.upper];
    const number = (value: number) => numberText(value, 4, [...ends, ...(mean === null ? [] : [mean])]);
    return `${mean === null ? '-' : number(mean)}${interval === null ? '' : ` [${ends.map(number).join(', ')}]`} n ${points.length}${points.length < declared ? ` of ${declared}` : ''}`;
  });
  const left = widest(names) + 1;
  const size = Math.max(LEAST_WIDTH, ink.width - left - widest(texts) - 2);
  // One wild interval, of two runs say, must not push all points into one place.
  const scale = scaleOf(
    rows.flatMap(({ points }) => points.map(({ value }) => value)),
    size,
    { mayBeLogarithmic: true },
  );
  const lines = rows.map(({ points, interval }, index) =>
    `${names[index]} ${strip(
      points.map(({ value }) => value),
      interval,
      scale,
      ink,
      index,
    )}  ${ink.colors.dim(texts[index]!)}`.trimEnd(),
  );
  return [...lines, ...axis(scale, left, ink)];
}

/** Three lines an experiment: k of n, with the exact interval, on a line from 0 to 100 %. */
export function drawSurvival(rows: readonly SurvivalRow[], ink: Ink): string[] {
  const kinds = [
    ['mask bit kept', 'kept'],
    ['still matters', 'functional'],
    ['found again', 'redetected'],
  ] as const;
  const names = padded(rows.map(({ experiment }) => experiment));
  const text = ({ k, n, interval }: Proportion) =>
    n === 0
      ? 'not sought'
      : `${k}/${n}${interval === null ? '' : ` [${percent(interval.lower, 0, [interval.upper])}, ${percent(interval.upper, 0, [interval.lower])}]`}`;
  const left = widest(names) + 15;
  const size = Math.max(LEAST_WIDTH, ink.width - left - 22);
  const scale: Scale = { low: 0, high: 100, size, logarithmic: false };
  const lines = rows.flatMap((row, index) => {
    if (row.kept.n === 0)
      return [`${names[index]} ${ink.colors.dim(row.noneEmerged > 0 ? 'not applicable: none emerged' : 'not known')}`];
    return kinds.map(([title, kind], line) => {
      const proportion = row[kind];
      const share = {
        ...proportion.interval!,
        lower: 100 * (proportion.interval?.lower ?? 0),
        upper: 100 * (proportion.interval?.upper ?? 1),
      };
      return `${line === 0 ? names[index] : ' '.repeat(names[index]!.length)} ${title.padEnd(13)} ${strip(proportion.n === 0 ? [] : [(100 * proportion.k) / proportion.n], share, scale, ink, index)}  ${ink.colors.dim(text(proportion))}`.trimEnd();
    });
  });
  return [...lines, ...axis(scale, left, ink, ' %')];
}

/** Every retrained state as its experiment's letter, by sparsity and by quality. */
export function drawSparsity(rows: readonly SparsityRow[], ink: Ink): string[] {
  const experiments = [...new Set(rows.map(({ experiment }) => experiment))];
  const letter = (experiment: string) =>
    'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'[experiments.indexOf(experiment) % 52]!;
  const signs = signsOf(ink);
  const y = scaleOf(
    rows.map(({ value }) => value),
    FIELD_ROWS,
    { mayBeLogarithmic: true },
  );
  const marks = new Map(ticks(y, 5).map((tick) => [place(y, tick), tickText(tick)]));
  const left = Math.max(1, widest([...marks.values()]));
  const x = scaleOf(
    rows.map(({ sparsity }) => 100 * sparsity),
    Math.max(LEAST_WIDTH, ink.width - left - 3),
    { zero: true },
  );
  const field = Array.from({ length: FIELD_ROWS }, () => Array.from({ length: x.size }, () => ' '));
  for (const row of rows) {
    const cells = field[place(y, row.value)]!;
    const column = place(x, 100 * row.sparsity);
    const own = seriesColor(ink.colors, experiments.indexOf(row.experiment))(letter(row.experiment));
    cells[column] = cells[column] === ' ' || cells[column] === own ? own : '*';
  }
  const lines = field
    .map((cells, height) => `${(marks.get(height) ?? '').padStart(left)} ${signs.side}${cells.join('')}`.trimEnd())
    .reverse();
  const legend = experiments
    .map((experiment, index) => `${seriesColor(ink.colors, index)(letter(experiment))} ${experiment}`)
    .join('  ');
  return [
    ...lines,
    ...axis(x, left + 1, ink, ' %'),
    `${ink.colors.dim('sparsity;')} ${legend}  ${ink.colors.dim('* several')}`,
  ];
}

/** Small line plots, one an experiment, a line a seed. */
export async function drawCurves(rows: readonly CurveRow[], floor: number | null, ink: Ink): Promise<string[]> {
  const { plot } = await import('simple-ascii-chart');
  const width = Math.max(LEAST_WIDTH, ink.width - 12);
  const colors = ['ansiBlue', 'ansiGreen', 'ansiYellow', 'ansiMagenta', 'ansiCyan', 'ansiRed'] as const;
  return [...new Set(rows.map(({ experiment }) => experiment))].flatMap((experiment) => {
    const own = rows.filter((row) => row.experiment === experiment);
    const series = own.map(({ points }) =>
      thinned(points, width).map(({ step, loss }): [number, number] => [step, loss]),
    );
    const losses = [...series.flat().map(([, loss]) => loss), ...(floor === null ? [] : [floor])];
    const [low, high] = [smallest(losses), largest(losses)];
    const last = largest(series.flat().map(([step]) => step));
    const first = smallest(series.flat().map(([step]) => step));
    const drawn = plot(series, {
      width,
      height: CURVE_ROWS,
      yRange: [low, high > low ? high : low + 1e-3],
      customXAxisTicks: [...new Set([first, Math.round((first + last) / 2), last])],
      customYAxisTicks: high > low ? [low, (low + high) / 2, high] : [low],
      formatter: (value, { axis }) =>
        axis === 'y' ? numberText(value, 3, [low, (low + high) / 2, high]) : String(Math.round(value)),
      ...(floor !== null && { thresholds: [{ y: floor }] }),
      ...(ink.colors.isColorSupported && { color: own.map((_, index) => colors[index % colors.length]!) }),
      ...(ink.ascii && { symbols: ASCII_SYMBOLS }),
    });
    const lines = (ink.adopt?.(drawn) ?? drawn)
      .split('\n')
      .map((line) => line.trimEnd())
      .filter((line) => line !== '');
    const seeds = own.map(({ seed }) => seed).join(', ');
    return [
      '',
      `${ink.colors.bold(experiment)}  ${ink.colors.dim(`seed ${seeds}; steps ${first} to ${last}, nats per token${floor === null ? '' : `; the level line is the entropy, ${numberText(floor, 4)}`}`)}`,
      ...lines,
    ];
  });
}

const ASCII_SYMBOLS = {
  axis: {
    n: '^',
    ns: '|',
    y: '+',
    nse: '+',
    x: '+',
    we: '-',
    e: '>',
    intersectionXY: '+',
    intersectionX: '+',
    intersectionY: '+',
  },
  chart: { we: '-', wns: '.', ns: '|', nse: "'", wsn: "'", sne: '.', area: '#' },
  thresholds: { x: '.', y: ':' },
  empty: ' ',
};

/** Dots, and the interval behind them, with its ends where they lie inside. */
function strip(
  values: readonly number[],
  interval: Pick<Interval, 'lower' | 'upper'> | null,
  scale: Scale,
  ink: Ink,
  series: number,
): string {
  const signs = signsOf(ink);
  const cells = Array.from({ length: scale.size }, () => ' ');
  if (interval !== null) {
    const inside = (value: number) => value >= scale.low && value <= scale.high;
    const [from, to] = [
      place(scale, Math.max(interval.lower, scale.low)),
      place(scale, Math.min(interval.upper, scale.high)),
    ];
    cells.fill(signs.line, from, to + 1);
    if (inside(interval.lower)) cells[from] = signs.lower;
    if (inside(interval.upper)) cells[to] = signs.upper;
  }
  const color = seriesColor(ink.colors, series);
  const counts = new Map<number, number>();
  for (const value of values) counts.set(place(scale, value), (counts.get(place(scale, value)) ?? 0) + 1);
  for (const [column, count] of counts) cells[column] = color(count > 1 ? signs.points : signs.point);
  return cells.join('');
}

/** A line with its ticks, and their numbers below. */
function axis(scale: Scale, indent: number, ink: Ink, unit = ''): string[] {
  const signs = signsOf(ink);
  const line = Array.from({ length: scale.size }, () => signs.axis);
  const numbers = Array.from({ length: scale.size + 8 }, () => ' ');
  let free = 0;
  for (const tick of ticks(scale, Math.max(2, Math.floor(scale.size / 12)))) {
    const column = place(scale, tick);
    line[column] = signs.tick;
    const text = `${tickText(tick)}${unit}`;
    const start = Math.max(0, column - Math.floor(text.length / 2));
    if (start < free) continue;
    for (const [index, sign] of [...text].entries()) numbers[start + index] = sign;
    free = start + text.length + 1;
  }
  const left = ' '.repeat(indent);
  return [ink.colors.dim(`${left}${line.join('')}`), ink.colors.dim(`${left}${numbers.join('')}`.trimEnd())];
}

/** Means of neighbouring points, so many at most: a column shows one. */
function thinned(points: CurveRow['points'], most: number): CurveRow['points'] {
  const group = Math.max(1, Math.ceil(points.length / most));
  return Array.from({ length: Math.ceil(points.length / group) }, (_, index) => {
    const members = points.slice(index * group, (index + 1) * group);
    return { step: members.at(-1)!.step, loss: members.reduce((sum, { loss }) => sum + loss, 0) / members.length };
  });
}

function padded(names: readonly string[]): string[] {
  return names.map((name) => name.padEnd(widest(names)));
}

function widest(texts: readonly string[]): number {
  return Math.max(0, largest(texts.map((text) => text.length)));
}

/** As `decimal`, in characters that every terminal has. */
function numberText(value: number, digits: number, apart: readonly number[] = []): string {
  return decimal(value, digits, apart).replace('\u2212', '-').replace('∞', 'infinity');
}

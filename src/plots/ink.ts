/** What a terminal can show: signs of its character set, colours if it has any, and so many columns. */
import type { Colors } from 'picocolors/types';

export interface Ink {
  colors: Colors;
  width: number;
  /** Plain ASCII, for files and pipes. */
  ascii: boolean;
  /** Makes the colours in what a library has drawn those of `colors`, where a terminal tells these from others. */
  adopt?: (drawn: string) => string;
}

export interface Signs {
  point: string;
  /** Several points in one place. */
  points: string;
  line: string;
  lower: string;
  upper: string;
  axis: string;
  tick: string;
  side: string;
  corner: string;
}

export function signsOf({ ascii }: Pick<Ink, 'ascii'>): Signs {
  return ascii
    ? { point: 'o', points: '@', line: '-', lower: '[', upper: ']', axis: '-', tick: '+', side: '|', corner: '+' }
    : {
        point: '\u25cf',
        points: '\u25c9',
        line: '\u2500',
        lower: '\u251c',
        upper: '\u2524',
        axis: '\u2500',
        tick: '\u252c',
        side: '\u2502',
        corner: '\u2514',
      };
}

/** A colour for the nth series; they repeat, so that a series has a sign or a name besides. */
export function seriesColor(colors: Colors, index: number): (text: string) => string {
  const palette = [colors.blue, colors.green, colors.yellow, colors.magenta, colors.cyan, colors.red];
  return palette[index % palette.length]!;
}

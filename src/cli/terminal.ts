/**
 * Where a command writes, and what that place can show. All text goes through here, and nothing from outside reaches
 * the terminal that it would obey: see styles.ts.
 */
import type { Colors } from 'picocolors/types';
import { isOutputLost } from './process-guard.ts';
import { createStyles, inLine, toTerminal } from './styles.ts';

export interface Terminal {
  /** Whether lines can be redrawn. */
  interactive: boolean;
  /** Columns; 80 where nobody knows, more where the output goes to a file. */
  width: number;
  rows: number;
  colors: Colors;
  /** Writes to standard output, or to standard error once that takes nothing more, what stays one line. */
  line(text?: string): void;
  /** Writes what has been composed of several lines. */
  lines(text: string): void;
  /** Writes what a file would hold, as it is; where standard output is a terminal, as lines. */
  content(text: string): void;
  /** Writes a line to standard error. */
  errorLine(text: string): void;
  errorLines(text: string): void;
}

/** Columns of the narrowest terminal that swp writes to; Infinity where none is. COLUMNS overrides it. */
export function screenColumns(env: NodeJS.ProcessEnv = process.env): number {
  const columns = Number(env.COLUMNS);
  if (columns > 0) return columns;
  const widths = [process.stdout, process.stderr].map((stream) => (stream.isTTY ? stream.columns || 80 : Infinity));
  return Math.min(...widths);
}

/**
 * Standard output. Colours only on a terminal and unless NO_COLOR (https://no-color.org) is set; FORCE_COLOR asks for
 * them anywhere. COLUMNS overrides the width.
 */
export function openTerminal(env: NodeJS.ProcessEnv = process.env): Terminal {
  const { stdout, stderr } = process;
  // A terminal that says it has no rows, as some have in containers, would be drawn nothing.
  const interactive = stdout.isTTY === true && env.TERM !== 'dumb' && stdout.rows !== 0;
  const wanted = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '0';
  const refused = env.NO_COLOR !== undefined && env.NO_COLOR !== '';
  const columns = Number(env.COLUMNS);
  const toOutput = (text: string) => void (isOutputLost() ? stderr : stdout).write(`${toTerminal(text)}\n`);
  const toErrors = (text: string) => void stderr.write(`${toTerminal(text)}\n`);
  return {
    interactive,
    // Looked at each time: a terminal may be resized while a view is drawn on it.
    get width() {
      return columns > 0 ? columns : stdout.isTTY ? stdout.columns || 80 : 120;
    },
    get rows() {
      return stdout.rows || 24;
    },
    colors: createStyles(!refused && (wanted || interactive)),
    line: (text = '') => toOutput(inLine(text)),
    lines: toOutput,
    content: (text) => (stdout.isTTY === true ? toOutput(text) : void stdout.write(text)),
    errorLine: (text) => toErrors(inLine(text)),
    errorLines: toErrors,
  };
}

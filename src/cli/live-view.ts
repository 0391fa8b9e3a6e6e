/** The view on a terminal: what run-drawing.ts draws, a few times a second. */
import { createLogUpdate } from 'log-update';
import stringWidth from 'string-width';
import type { SwpEvent } from '../engine/event.ts';
import type { RunState } from '../project/run-state.ts';
import { isLostJob, jobText } from './job-text.ts';
import { drawRun } from './run-drawing.ts';
import { endText } from './run-text.ts';
import type { RunView } from './run-view.ts';
import { inLine, toTerminal } from './styles.ts';
import type { Terminal } from './terminal.ts';

/** Milliseconds between two drawings: fast enough to look alive, slow enough to cost nothing. */
const FRAME = 125;
const ERASE_ROW_ABOVE = '\u001B[1A\u001B[2K';

export interface LiveViewOptions {
  terminal: Terminal;
  state: RunState;
  verbose: boolean;
  /** Where to draw; standard output by default. */
  stream?: NodeJS.WriteStream;
  env?: NodeJS.ProcessEnv;
}

export function openLiveView({
  terminal,
  state,
  verbose,
  stream = process.stdout,
  env = process.env,
}: LiveViewOptions): RunView {
  const screen = createLogUpdate(stream, { showCursor: false });
  const timer = setInterval(draw, FRAME);
  let notes: string[] = [];
  let closed = false;
  /** What is on the screen. */
  let drawn: { lines: readonly string[]; width: number } = { lines: [], width: columns() };
  process.on('SIGTSTP', suspend);
  stream.on('resize', draw);
  draw();

  /** Lines about finished nodes, and jobs that came to nothing, stay on the screen; the rest is redrawn below them. */
  function emit(event: SwpEvent): void {
    state.apply(event);
    if (event.event === 'job' && isLostJob(event)) return keep(jobText(event, terminal.colors));
    if (event.event !== 'node-end') return;
    const text = endText(event, terminal.colors);
    if (text !== undefined && (verbose || event.outcome === 'failed')) keep(text);
  }

  /** Of the stream itself, since it is there that lines wrap; COLUMNS can only make the view narrower. */
  function columns(): number {
    return Math.min(terminal.width, stream.columns || terminal.width);
  }

  function draw(): void {
    const width = columns();
    if (width !== drawn.width) clear();
    const lines = drawRun(state, notes, { width, rows: terminal.rows, colors: terminal.colors });
    screen(toTerminal(lines.join('\n')));
    drawn = { lines, width };
  }

  /**
   * Erases what was drawn. Where the terminal has become narrower since, its lines take more rows than they were drawn
   * in: most terminals wrap them anew.
   */
  function clear(): void {
    const width = Math.max(1, stream.columns || drawn.width);
    const rows = drawn.lines.map((line) => Math.max(1, Math.ceil(stringWidth(line) / width)));
    const wrapped = wrapsAnew(env) ? rows.reduce((sum, each) => sum + each - 1, 0) : 0;
    screen.clear();
    if (wrapped > 0) stream.write(ERASE_ROW_ABOVE.repeat(wrapped));
    drawn = { lines: [], width };
  }

  /** Ctrl-Z: the shell gets its cursor back. After `fg`, the view is drawn anew below what the shell has written. */
  function suspend(): void {
    clear();
    screen.done();
    // What the signal does by itself: it stops the process, unless there is no shell that could let it go on.
    process.off('SIGTSTP', suspend);
    process.kill(process.pid, 'SIGTSTP');
    setImmediate(() => {
      if (!closed) process.on('SIGTSTP', suspend);
    });
  }

  function keep(text: string): void {
    clear();
    stream.write(`${toTerminal(inLine(text))}\n`);
    draw();
  }

  return {
    emit,
    note: (text) => {
      notes = [text];
      draw();
    },
    close: () => {
      closed = true;
      process.off('SIGTSTP', suspend);
      stream.off('resize', draw);
      clearInterval(timer);
      clear();
      screen.done();
    },
  };
}

/** xterm, the Linux console and GNU screen cut lines off where others wrap them anew. */
function wrapsAnew({ TERM, XTERM_VERSION, STY }: NodeJS.ProcessEnv): boolean {
  return XTERM_VERSION === undefined && TERM !== 'linux' && STY === undefined;
}

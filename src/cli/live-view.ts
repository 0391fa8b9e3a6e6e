/**
 * The view on a terminal: a bar per running node, and one for the whole with the time left. Redrawn a few times a
 * second.
 */
import { largest } from '../base/extremes.ts';
import { stripVTControlCharacters } from 'node:util';
import { createLogUpdate } from 'log-update';
import stringWidth from 'string-width';
import type { SwpEvent } from '../engine/event.ts';
import { durationText } from './duration.ts';
import { countsText, endText, holderText, labelText, numberText, timeLeftText } from './run-text.ts';
import type { RunningNode, RunState } from '../project/run-state.ts';
import type { RunView } from './run-view.ts';
import type { Terminal } from './terminal.ts';

/** Milliseconds between two drawings: fast enough to look alive, slow enough to cost nothing. */
const FRAME = 125;
const BAR_WIDTH = 24;

export interface LiveViewOptions {
  terminal: Terminal;
  state: RunState;
  verbose: boolean;
  /** Where to draw; standard output by default. */
  stream?: NodeJS.WriteStream;
}

export function openLiveView({ terminal, state, verbose, stream = process.stdout }: LiveViewOptions): RunView {
  const screen = createLogUpdate(stream, { showCursor: false });
  const timer = setInterval(draw, FRAME);
  let notes: string[] = [];
  let closed = false;
  process.on('SIGTSTP', suspend);
  draw();

  /** Lines about finished nodes stay on the screen; the running ones are redrawn below them. */
  function emit(event: SwpEvent): void {
    state.apply(event);
    if (event.event !== 'node-end') return;
    const text = endText(event, terminal.colors);
    if (text !== undefined && (verbose || event.outcome === 'failed')) keep(text);
  }

  function draw(): void {
    screen(drawRun(state, notes, terminal).join('\n'));
  }

  /** Ctrl-Z: the shell gets its cursor back. After `fg`, the view is drawn anew below what the shell has written. */
  function suspend(): void {
    screen.clear();
    screen.done();
    // What the signal does by itself: it stops the process, unless there is no shell that could let it go on.
    process.off('SIGTSTP', suspend);
    process.kill(process.pid, 'SIGTSTP');
    setImmediate(() => {
      if (!closed) process.on('SIGTSTP', suspend);
    });
  }

  function keep(text: string): void {
    screen.clear();
    stream.write(`${text}\n`);
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
      clearInterval(timer);
      screen.clear();
      screen.done();
    },
  };
}

/** @returns the lines to draw now */
export function drawRun(
  state: RunState,
  notes: string[],
  { width, rows, colors }: Pick<Terminal, 'width' | 'rows' | 'colors'>,
): string[] {
  const room = Math.max(1, rows - 4 - notes.length);
  const running = [...state.running.values()];
  const shown = running.slice(0, room);
  const labels = shown.map(({ label }) => labelText(label));
  const labelWidth = Math.max(0, largest(labels.map((label) => stringWidth(label))));
  const lines = shown.map((node, index) => {
    const bar = colors.cyan(progressBar(shareOf(node), BAR_WIDTH));
    return ` ${(labels[index] ?? '').padEnd(labelWidth)}  ${bar}  ${detail(node, state)}`;
  });
  for (const { label, holder } of [...state.waiting.values()].slice(0, Math.max(0, room - shown.length)))
    lines.push(colors.dim(` ${labelText(label)}  waits: ${holderText(holder)}`));
  if (running.length > shown.length) lines.push(colors.dim(` and ${running.length - shown.length} more`));
  const share = state.total === 0 ? 0 : state.ended / state.total;
  const parts = [countsText(state, colors), timeLeftText(state)].filter((part) => part !== '');
  return [
    ...lines,
    ` ${colors.green(progressBar(share, BAR_WIDTH))}  ${parts.join('; ')}`,
    ...notes.map((note) => ` ${note}`),
  ].map((line) => cut(line, width));
}

function shareOf({ progress }: RunningNode): number {
  return progress === undefined ? 0 : progress.done / Math.max(1, progress.total);
}

function detail(node: RunningNode, state: RunState): string {
  const { progress } = node;
  if (progress === undefined) return durationText(state.elapsed(node));
  const rate = state.rate(node);
  return [
    `${progress.done.toLocaleString('en')}/${progress.total.toLocaleString('en')}`,
    rate === undefined ? '' : `${numberText(Math.round(rate))} steps/s`,
    ...Object.entries(progress.values ?? {}).map(([name, value]) => `${name} ${value.toPrecision(4)}`),
  ]
    .filter((part) => part !== '')
    .join('  ');
}

/** Drawn to an eighth of a character, so that slow work is seen to move. */
export function progressBar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const full = Math.floor(eighths / 8);
  const part = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] ?? '';
  return `${'█'.repeat(full)}${part}`.padEnd(width, '░');
}

/** A line that wraps would be drawn twice. One that is cut loses its colours: the code that ends them may be gone. */
function cut(line: string, width: number): string {
  if (stringWidth(line) < width) return line;
  return `${stripVTControlCharacters(line).slice(0, Math.max(0, width - 2))}…`;
}

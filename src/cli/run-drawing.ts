/**
 * What the live view draws: a line per running node, and one for the whole run. A narrow terminal gets shorter lines
 * that still say what matters: which node, how far it is, what failed, how long it still takes.
 */
import sliceAnsi from 'slice-ansi';
import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';
import { largest } from '../base/extremes.ts';
import { decimal } from '../base/number-text.ts';
import { placeOf } from '../project/nodes.ts';
import type { RunningNode, RunState } from '../project/run-state.ts';
import { durationText } from './duration.ts';
import { jobCountsText } from './job-text.ts';
import { countsText, holderText, isThisRun, labelText, numberText, timeLeftText } from './run-text.ts';
import { drawn, inLine } from './styles.ts';
import type { Terminal } from './terminal.ts';

/** Columns of a bar, the widest that fits being taken; 0 for a bare percentage. */
const BAR_WIDTHS = [24, 12, 6, 0];
/** Lines that stay free, so that the prompt and what was written last can be seen. */
const FREE_ROWS = 2;

type Screen = Pick<Terminal, 'width' | 'rows' | 'colors'>;

/** @returns the lines to draw now, each narrower than the terminal: a line that wraps would be drawn twice */
export function drawRun(state: RunState, notes: readonly string[], screen: Screen): string[] {
  const width = Math.max(1, screen.width - 1);
  const last = [...wholeLines(state, width, screen), ...notes.flatMap((note) => wrapped(note, width))];
  const jobs = jobCountLines(state, width, screen);
  const whole = jobs.length + last.length + 1 + FREE_ROWS < screen.rows ? [...jobs, ...last] : last;
  const room = Math.max(1, screen.rows - FREE_ROWS - whole.length);
  return [...nodeLines(state, width, room, screen), ...whole].map((line) => cut(line, width));
}

/**
 * The running nodes, jobs that run and of which no node does yet, and nodes that wait for other processes, as many as
 * there is room for.
 */
function nodeLines(state: RunState, width: number, room: number, { colors }: Screen): string[] {
  const running = [...state.running.values()];
  const seen = new Set(running.map(({ job }) => job));
  const starting = [...state.jobs.values()].filter(({ id, state: now }) => now === 'running' && !seen.has(id));
  const waiting = [...state.waiting.values()];
  const all = running.length + starting.length + waiting.length;
  const shown = all <= room ? all : room - 1;
  const lines = runningLines(running.slice(0, shown), state, width, colors);
  const others = [
    ...starting.map(({ id, bundle, node }) => [
      `${id}  ${bundle}${node === undefined ? '' : ` on ${node}`}`,
      `${id}  ${bundle}`,
    ]),
    ...waiting.map(({ label, holder }) => [
      `${labelText(label)}  waits: ${holderText(holder)}`,
      `${placeOf(label)}  waits for ${isThisRun(holder) ? holder.place : `${holder.user} on ${holder.host}`}`,
    ]),
  ];
  for (const texts of others.slice(0, Math.max(0, shown - running.length)))
    lines.push(colors.dim(` ${firstThatFits(texts, width - 1)}`));
  return all <= room ? lines : [...lines, colors.dim(` and ${all - Math.max(0, shown)} more`)];
}

/** In one form for all, so that bars are below one another. */
function runningLines(nodes: readonly RunningNode[], state: RunState, width: number, colors: Screen['colors']) {
  const forms = [labelText, placeOf].flatMap((nameOf) => BAR_WIDTHS.map((bar) => ({ nameOf, bar })));
  const core = nodes.map((node) => coreText(node, state));
  const whole = nodes.map((node, index) => [core[index]!, ...detailsOf(node, state)].join('  '));
  const spaceFor = ({ bar }: (typeof forms)[number], texts = core) =>
    width - 1 - 2 - (bar > 0 ? bar + 2 : 0) - largestWidth(texts);
  const namesOf = ({ nameOf }: (typeof forms)[number]) =>
    nodes.map(({ label, job }) => `${job === undefined ? '' : `${job}  `}${nameOf(label)}`);
  const fits = (texts: string[]) => forms.find((each) => largestWidth(namesOf(each)) <= spaceFor(each, texts));
  // A shorter bar rather than no loss.
  const form = fits(whole) ?? fits(core) ?? forms.at(-1)!;
  const space = Math.max(1, spaceFor(form));
  const names = namesOf(form).map((name) => shortened(name, space));
  const nameWidth = largestWidth(names);
  return nodes.map((node, index) => {
    const bar = form.bar > 0 ? `${colors.cyan(progressBar(shareOf(node), form.bar))}  ` : '';
    let line = ` ${padded(names[index]!, nameWidth)}  ${bar}${core[index]!}`;
    for (const detail of detailsOf(node, state)) {
      if (stringWidth(line) + 2 + stringWidth(detail) > width) break;
      line += `  ${detail}`;
    }
    return line;
  });
}

function shareOf({ progress }: RunningNode): number {
  return progress === undefined ? 0 : progress.done / Math.max(1, progress.total);
}

/** How far a node is: `150/300`, or the time it has taken where nobody counts. */
function coreText(node: RunningNode, state: RunState): string {
  const { progress } = node;
  if (progress === undefined) return durationText(state.elapsed(node));
  return `${progress.done.toLocaleString('en')}/${progress.total.toLocaleString('en')}`;
}

/** What is said besides where there is room, the most important first. */
function detailsOf(node: RunningNode, state: RunState): string[] {
  const { progress } = node;
  const machine = node.job === undefined ? undefined : state.jobs.get(node.job)?.node;
  const where = machine === undefined ? [] : [`on ${machine}`];
  if (progress === undefined) return where;
  const rate = state.rate(node);
  return [
    ...(rate === undefined
      ? []
      : [
          `${rate < 10 ? decimal(rate, 1) : numberText(Math.round(rate))}${progress.unit === undefined ? '' : ` ${progress.unit}`}/s`,
        ]),
    ...where,
    ...Object.entries(progress.values ?? {}).map(([name, value]) => `${name} ${value.toPrecision(4)}`),
  ];
}

/** The whole run: in one line if some form fits, in several otherwise. */
function wholeLines(state: RunState, width: number, { colors }: Screen): string[] {
  const share = state.total === 0 ? 0 : state.ended / state.total;
  const barred = (bar: number, texts: readonly string[]) =>
    ` ${colors.green(progressBar(share, bar))}  ${texts.filter((text) => text !== '').join('; ')}`;
  const [counts, brief] = [countsText(state, colors), countsText(state, colors, true)];
  const forms = [
    barred(24, [counts, timeLeftText(state)]),
    barred(12, [counts, timeLeftText(state, true)]),
    barred(12, [brief, timeLeftText(state, true)]),
    barred(6, [brief, timeLeftText(state, true)]),
  ];
  const form = forms.find((line) => stringWidth(line) <= width);
  if (form !== undefined) return [form];
  return [brief, timeLeftText(state, true)].filter((text) => text !== '').flatMap((text) => wrapped(text, width));
}

/** How many jobs of a cluster are in which state: in one line if that fits. */
function jobCountLines({ jobs }: RunState, width: number, { colors }: Screen): string[] {
  const [text, brief] = [false, true].map((form) => jobCountsText(jobs.values(), colors, form)) as [string, string];
  if (text === '') return [];
  return stringWidth(text) < width ? [` ${text}`] : wrapped(brief, width);
}

/** Drawn to an eighth of a character, so that slow work is seen to move. */
export function progressBar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const full = Math.floor(eighths / 8);
  const part = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] ?? '';
  return `${'█'.repeat(full)}${part}`.padEnd(width, '░');
}

function largestWidth(texts: readonly string[]): number {
  return Math.max(0, largest(texts.map((text) => stringWidth(text))));
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)));
}

function firstThatFits(texts: readonly string[], width: number): string {
  return texts.find((text) => stringWidth(text) <= width) ?? texts.at(-1)!;
}

/** `emergence-xa…/s0/r1/train`: the end of a name says which step it is, so the name of the experiment gives way. */
function shortened(text: string, width: number): string {
  const whole = stringWidth(text);
  if (whole <= width) return text;
  const place = stringWidth(/\/s.*$/.exec(text)?.[0] ?? '');
  const tail = place > 0 && place + 3 <= width ? place : Math.floor((width - 1) * 0.6);
  return drawn((shown) => `${sliceAnsi(shown, 0, Math.max(0, width - 1 - tail))}…${sliceAnsi(shown, whole - tail)}`)(
    text,
  );
}

function wrapped(text: string, width: number): string[] {
  const lines = drawn((shown) => wrapAnsi(shown, Math.max(1, width - 1), { hard: true }))(text).split('\n');
  return lines.map((line) => ` ${line}`);
}

function cut(text: string, width: number): string {
  const line = inLine(text);
  if (stringWidth(line) <= width) return line;
  return drawn((shown) => `${sliceAnsi(shown, 0, Math.max(0, width - 1))}…`)(line);
}

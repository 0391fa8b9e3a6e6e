/** The text of every kind of failure: what happened, where, what was expected, what to do. */
import picocolors from 'picocolors';
import type { Colors } from 'picocolors/types';
import stringWidth from 'string-width';
import type { Failure, SourceLocation } from '../base/failure.ts';
import { groupBy } from '../base/groups.ts';
import { meaningOf, remedyFor } from '../base/system-error.ts';
import { visible, visibleLine } from '../base/visible-text.ts';
import { quantityText } from '../base/quantity-text.ts';
import { plural } from './study-text.ts';
import { screenColumns, type Terminal } from './terminal.ts';

/** A longer source line is cut. */
const SHOWN_COLUMNS = 110;
/** Of what stands before the place in such a line. */
const SHOWN_BEFORE = 30;
const TAB_COLUMNS = 8;
const ELLIPSIS = '...';
const characters = new Intl.Segmenter('en');

/** Writes to standard error what ends a command, or what costs no result but has to be known. */
export function writeFailure(failure: Failure, terminal: Terminal): void {
  terminal.errorLines(failureText(failure, terminal.colors));
}

/** What became of the nodes of a run, each thing said once: many nodes mostly lack or meet the same. */
export function failureTexts(failures: readonly Failure[], colors: Colors, error?: string): string[] {
  const alike = groupBy(failures, (failure) => JSON.stringify(withoutPlace(failure)));
  const texts = [...alike.values()].map(([first, ...others]) => {
    const more = likeIt(first!, others);
    const named = renamed(first!, (name) => `${name}${more}`);
    return failureText(named, colors, error);
  });
  return [...new Set(texts)]; // such as that no worker could be started, of every node
}

/** E.g. ` and 3 nodes like it`; empty for one that is alone. */
function likeIt(first: Failure, others: readonly Failure[]): string {
  // All nodes of a job meet what it meets.
  if (first.kind === 'job') {
    const more = new Set([first, ...others].map((each) => (each as typeof first).job)).size - 1;
    return more > 0 ? `, and ${plural(more, 'job')} like it` : '';
  }
  return others.length > 0 ? ` and ${plural(others.length, first.kind === 'file' ? 'file' : 'node')} like it` : '';
}

/** What is the same for whatever meets the same. */
function withoutPlace(failure: Failure): object {
  const cause = 'cause' in failure && failure.cause !== undefined && withoutPlace(failure.cause);
  // What a cause says is said in place of the message.
  const isOfJob = failure.kind === 'job';
  return { ...renamed(failure, () => ''), log: '', ...(isOfJob && { job: '' }), ...(cause && { cause, message: '' }) };
}

/** A failure of another node: the rest is the same for nodes that need the same. Of a full disk, of another file. */
function renamed(failure: Failure, other: (name: string) => string): Failure {
  switch (failure.kind) {
    case 'unavailable':
      return { ...failure, what: other(failure.what) };
    case 'stage':
    case 'out-of-memory':
    case 'memory-limit':
    case 'worker-died':
      return { ...failure, node: other(failure.node) };
    case 'job':
      return { ...failure, bundle: other(failure.bundle) };
    case 'file':
      return ['ENOSPC', 'EDQUOT'].includes(failure.code) ? { ...failure, path: other(failure.path) } : failure;
    default:
      return failure;
  }
}

/** The text of a failure that stops nothing. */
export function warningText(failure: Failure, colors: Colors): string {
  return failureText(failure, colors, warning(colors));
}

/** The texts of several of them, each thing said once. */
export function warningTexts(failures: readonly Failure[], colors: Colors): string[] {
  return failureTexts(failures, colors, warning(colors));
}

function warning(colors: Colors): string {
  return colors.yellow(colors.bold('warning:'));
}

/** What happened, in one line without colours and without an end. */
export function failureLine(failure: Failure): string {
  const [line = ''] = failureText(failure, picocolors.createColors(false), '').split('\n');
  return line.trim().replace(/\s+/g, ' ').replace(/\.$/, '');
}

/**
 * @param error the word before the message
 * @param screen columns of the terminal
 * @returns lines without an end of line after the last one
 */
export function failureText(
  failure: Failure,
  colors: Colors,
  error = colors.red(colors.bold('error:')),
  screen = screenColumns(),
): string {
  switch (failure.kind) {
    case 'study':
      return [
        [
          colors.bold(`${pathText(failure.at.file)}:${failure.at.line}:${failure.at.column}`),
          ...(error === '' ? [] : [error]),
          indented(failure.message),
        ].join(' '),
        ...sourceExcerpt(failure.at, colors, screen),
        ...hints(failure, colors),
      ].join('\n');
    case 'several': {
      const all = failure.failures.map((each) => failureText(each, colors, error, screen));
      const count = failure.failures.length + failure.more;
      const rest = failure.more > 0 ? ` The first ${failure.failures.length} are shown.` : '';
      return [...all, `${count} mistakes.${rest}`].join('\n\n');
    }
    case 'usage':
      return [`${error} ${indented(failure.message)}`, ...hints(failure, colors)].join('\n');
    case 'file':
      return `${error} Cannot ${failure.operation} ${pathText(failure.path)}: ${meaningOf(failure.code)}.\n  ${indented(failure.remedy)}`;
    case 'system':
      return `${error} Cannot ${failure.operation}: ${meaningOf(failure.code)}.\n  ${indented(failure.remedy)}`;
    case 'content':
      return `${error} ${pathText(failure.path)}: ${sentence(failure.message)}\n  ${indented(failure.remedy)}`;
    case 'not-finite':
    case 'scheduler':
      return `${error} ${sentence(failure.message)}\n  ${indented(failure.remedy)}`;
    case 'unavailable':
      return `${error} This machine cannot run ${failure.what}: ${sentence(failure.message)}\n  ${indented(failure.remedy)}`;
    case 'install':
      return `${error} Cannot install ${failure.what}: ${sentence(failure.message)}\n  ${indented(failure.remedy)}`;
    case 'other-bits':
      return [
        `${error} ${failure.node} (${failure.stage}) came out different when it was computed again: ${failure.artifacts.join(', ')}.`,
        `  Before: ${failure.before}. Now: ${failure.now}.`,
        '  Results that were made of the earlier one are kept, so the lineage is mixed. `swp invalidate` of this node computes all of it anew.',
      ].join('\n');
    case 'file-changed':
      return `${error} ${pathText(failure.path)} changed while ${failure.stage} used it${failure.change === undefined ? '' : ` (it ${failure.change})`}; its result was not kept.\n  Run \`swp repro\` again once the file is at rest.`;
    case 'stage':
      return [
        `${error} ${failure.node} (${failure.stage}): ${stageMessage(failure, colors)}`,
        ...logHint(failure.log),
      ].join('\n');
    case 'out-of-memory':
      return [
        `${error} ${failure.node} (${failure.stage}): the device has not enough memory: ${sentence(failure.message)}`,
        '  A smaller train.microBatchSize or batchSize needs less. Other programs on the device take theirs (nvidia-smi shows them); on a CPU, fewer --jobs or a higher `ulimit -v` help.',
        ...logHint(failure.log),
      ].join('\n');
    case 'memory-limit':
      return [
        `${error} ${failure.node} (${failure.stage}): it took ${quantityText(failure.reached, 'B')} of memory; --memory-per-node allows ${quantityText(failure.limit, 'B')}.`,
        '  Allow more, with fewer --jobs if memory is short; or let it need less, by a smaller train.microBatchSize or batchSize.',
        ...logHint(failure.log),
      ].join('\n');
    case 'worker-died': {
      const how =
        failure.signal !== undefined
          ? `was killed by ${failure.signal}`
          : `ended with exit code ${failure.exitCode ?? 'unknown'}`;
      const memory =
        failure.signal === 'SIGKILL'
          ? [
              '  The system kills with SIGKILL when memory runs out. Fewer --jobs need less of it, and so does one node with a smaller batchSize (train: microBatchSize); or give the machine, or its control group, more.',
            ]
          : ['SIGABRT', 'SIGTRAP'].includes(failure.signal ?? '')
            ? ['  Programs end like this when the system gives them no more memory (ulimit -v): fewer --jobs may help.']
            : [];
      return [
        `${error} ${failure.node} (${failure.stage}): its process ${how}.`,
        ...memory,
        ...logHint(failure.log),
      ].join('\n');
    }
    case 'worker-not-started':
      return [
        // The same for every node: a run names it once.
        `${error} No worker process could be started: ${sentence(failure.message)}`,
        ...(failure.said === undefined ? [] : [`  It wrote: ${visibleLine(failure.said)}`]),
        `  What was run: ${visibleLine(failure.command)}`,
        `  ${startRemedy(failure.code)}`,
      ].join('\n');
    case 'job':
      return [
        `${error} Job ${failure.job} (${failure.bundle}) ${sentence(failure.message)}`,
        `  ${indented(failure.remedy)}`,
        ...logHint(failure.log),
      ].join('\n');
    case 'stopped':
      return `Stopped by ${failure.signal}. \`swp repro\` continues.`;
  }
}

/** If the stage threw a failure, that says more than its message: the file and the remedy. */
function stageMessage({ message, cause }: Extract<Failure, { kind: 'stage' }>, colors: Colors): string {
  return cause === undefined ? sentence(message) : failureText(cause, colors, '').trimStart();
}

function startRemedy(code: string | undefined): string {
  if (code === undefined)
    return 'Run that by hand to see what it says. A limit may refuse it a thread or memory (`ulimit -u`, `ulimit -v`); `npm ci` installs it anew.';
  if (code === 'ENOENT' || code === 'EACCES') return 'Node.js has been moved or removed. Install it there again.';
  return remedyFor(code) ?? 'Put that right and run again.';
}

function hints({ expected, suggestion }: { expected?: string; suggestion?: string }, colors: Colors): string[] {
  return [
    ...(suggestion === undefined ? [] : [`  Did you mean ${colors.green(`"${visibleLine(suggestion)}"`)}?`]),
    ...(expected === undefined ? [] : [`  Expected: ${visibleLine(expected).replace(/(?<!\.)\.$/, '')}.`]),
  ];
}

function logHint(log: string | undefined): string[] {
  return log === undefined ? [] : [`  Log: ${pathText(log)}`];
}

/**
 *     12 |   "stpes": 3000
 *        |   ^^^^^^^
 * Both lines stay lines on a narrow terminal: where they wrapped, the mark would stand under another word.
 */
function sourceExcerpt({ line, column, length, text }: SourceLocation, colors: Colors, screen: number): string[] {
  const number = String(line);
  const shown = Math.max(8, Math.min(SHOWN_COLUMNS, screen - number.length - 2 * ELLIPSIS.length - 6));
  // Of a very long line, the part around the place.
  const near = text.slice(Math.max(0, column - 1 - SHOWN_COLUMNS), column - 1);
  const [before, marked, after] = [
    near,
    text.slice(column - 1, column - 1 + length),
    text.slice(column - 1 + length, column - 1 + length + SHOWN_COLUMNS),
  ].map((part) => visible(part.slice(0, 2 * SHOWN_COLUMNS)).replaceAll('\n', '')) as [string, string, string];
  const most = Math.min(SHOWN_BEFORE, Math.floor(shown / 2));
  const isCut = near.length < column - 1 || columnsOf(before) > shown - most;
  const start = isCut ? lastOf(before, most) : before;
  const room = shown - columnsOf(start);
  const rest = marked + after;
  const end = columnsOf(rest) > room ? `${firstOf(rest, room)}${ELLIPSIS}` : rest;
  const lead = isCut ? ELLIPSIS : '';
  // Tabs stay tabs, so that the mark stands under its word whatever the terminal's tab width.
  const indent = (lead + start).replace(/[^\t]+/g, (part) => ' '.repeat(stringWidth(part)));
  const bar = colors.dim(`  ${' '.repeat(number.length)} |`);
  return [
    `${colors.dim(`  ${number} |`)} ${lead}${start}${end}`,
    `${bar} ${indent}${colors.red('^'.repeat(Math.max(1, stringWidth(firstOf(marked, room)))))}`,
  ];
}

/** What a text takes on a terminal; of a tab, the most that it can. */
function columnsOf(text: string): number {
  return stringWidth(text) + TAB_COLUMNS * (text.split('\t').length - 1);
}

/** The beginning that fits into so many columns, with no character in it that is half. */
function firstOf(text: string, columns: number): string {
  let fits = '';
  for (const { segment } of characters.segment(text)) {
    if (columnsOf(fits + segment) > columns) break;
    fits += segment;
  }
  return fits;
}

function lastOf(text: string, columns: number): string {
  const all = Array.from(characters.segment(text), ({ segment }) => segment);
  while (columnsOf(all.join('')) > columns) all.shift();
  return all.join('');
}

/** A path that somebody typed, or that a file names. One that no system takes is cut. */
function pathText(path: string): string {
  return visibleLine(path.length > 1000 ? `${path.slice(0, 100)}...` : path);
}

function sentence(message: string): string {
  return indented(/[.!?]$/.test(message) ? message : `${message}.`);
}

/** Further lines of a message, as programs write them, stand under it: none of them begins like a line of swp. */
function indented(message: string): string {
  return message.replaceAll('\n', '\n  ');
}

/**
 * Plain lines, for logs and pipes: the plan, failures, and how far it is when nodes have ended, else once a minute.
 * `-v`: every finished node.
 */
import type { SwpEvent } from '../engine/event.ts';
import { isNewlyQueued, jobCountsText, jobText, queuedText } from './job-text.ts';
import { logText } from './log-text.ts';
import { countsText, endText, holderText, labelText, numberText, timeLeftText } from './run-text.ts';
import type { ClusterJob, RunState } from '../project/run-state.ts';
import type { RunView } from './run-view.ts';
import { plural } from './study-text.ts';
import type { Terminal } from './terminal.ts';

/** Milliseconds between two lines of progress at least; and as long as nothing but the time left has changed. */
const PAUSE = 5_000;
const LONG_PAUSE = 60_000;

export interface PlainViewOptions {
  terminal: Terminal;
  state: RunState;
  verbose: boolean;
  /** Milliseconds of a monotonic clock. */
  now?: () => number;
}

export function openPlainView({ terminal, state, verbose, now = () => performance.now() }: PlainViewOptions): RunView {
  const { colors } = terminal;
  let lastLine = now();
  let lastCounts = '';
  /** Jobs that have been queued, by what the cluster calls them, and are not told yet: many come at once. */
  const queued = new Map<string, ClusterJob>();

  function tellQueued(): void {
    if (queued.size > 0) terminal.line(`${queuedText([...queued.values()])}.`);
    queued.clear();
  }

  /** A line per change, but for reasons to wait that change all the time. */
  function tellJob(job: ClusterJob, before: ClusterJob | undefined): void {
    if (job.state !== 'queued') {
      tellQueued();
      return terminal.line(`${jobText(job, colors)}.`);
    }
    if (!isNewlyQueued(job, before)) return;
    if (queued.size === 0) setImmediate(tellQueued);
    queued.set(job.id, job);
  }

  function emit(event: SwpEvent): void {
    const before = event.event === 'job' ? state.jobs.get(event.id) : undefined;
    state.apply(event);
    if (event.event === 'job') return tellJob(event, before);
    tellQueued();
    if (event.event === 'plan') {
      const { total, cached, toRun, blocked = 0 } = event.nodes;
      const stages = Object.entries(event.stages).map(([stage, count]) => `${count} ${stage}`);
      terminal.line(
        `${plural(total, 'node')}: ${cached} cached, ${toRun} to run${stages.length > 0 ? ` (${stages.join(', ')})` : ''}${blocked > 0 ? `, ${blocked} blocked` : ''}.`,
      );
    } else if (event.event === 'node-wait') {
      terminal.line(`${labelText(event.label)}: ${holderText(event.holder)}; waiting for the result.`);
    } else if (event.event === 'node-start' && event.resumedAt !== undefined && (event.interrupted || verbose)) {
      terminal.line(
        `${labelText(event.label)}: goes on from ${numberText(event.resumedAt)}; what comes before was computed already.`,
      );
    } else if (event.event === 'gpu-wait') {
      terminal.line(
        `${labelText(event.label)}: waiting for a GPU; ${event.gpus.map(({ index, usedMemory }) => `${index} has ${usedMemory ?? 'unknown'} MiB in use`).join(', ')}.`,
      );
    } else if (event.event === 'node-end') {
      const text = endText(event, colors);
      if (text !== undefined && (verbose || event.outcome === 'failed')) terminal.line(text);
    } else if (event.event === 'node-log' && verbose) terminal.lines(colors.dim(`       ${logText(event.line)}`));
    // Events come often while anything runs, so they serve as the clock.
    if (now() - lastLine < PAUSE || event.event === 'summary') return;
    const [nodes, jobs] = [countsText(state, colors), jobCountsText(state.jobs.values(), colors)];
    if (`${nodes} ${jobs}` === lastCounts && now() - lastLine < LONG_PAUSE) return;
    lastLine = now();
    lastCounts = `${nodes} ${jobs}`;
    const [running] = state.running.values();
    const parts = [nodes, timeLeftText(state), jobs, running === undefined ? '' : `now ${labelText(running.label)}`];
    terminal.line(parts.filter((part) => part !== '').join('; '));
  }

  return { emit, note: (text) => terminal.line(text), close: tellQueued };
}

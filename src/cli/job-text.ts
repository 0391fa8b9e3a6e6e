/** Texts about jobs of a cluster. */
import type { Colors } from 'picocolors/types';
import { groupBy } from '../base/groups.ts';
import type { JobState } from '../engine/event.ts';
import type { ClusterJob } from '../project/run-state.ts';
import { plural } from './study-text.ts';

/** In the order in which they are counted. */
const STATE_NAMES: Record<JobState, string> = {
  queued: 'queued',
  requeued: 'queued again',
  running: 'running',
  done: 'done',
  failed: 'failed',
  'out-of-memory': 'out of memory',
  'time-limit': 'over the time limit',
  'node-failure': 'lost with a machine',
  cancelled: 'cancelled',
  preempted: 'pre-empted',
  lost: 'lost',
};
const STATES = Object.keys(STATE_NAMES) as JobState[];
const GOOD_STATES: readonly JobState[] = ['queued', 'requeued', 'running', 'done'];

/** Why jobs wait where nothing is the matter: Slurm finds another of these reasons every minute. */
const ORDINARY_REASONS = ['None', 'Priority', 'Resources', 'Dependency', 'BeginTime', 'JobArrayTaskLimit'];

/** What is counted of a job. */
export type CountedJob = Pick<ClusterJob, 'state' | 'reason'>;

/** E.g. `out of memory`. */
export function stateText(state: JobState): string {
  return STATE_NAMES[state];
}

/** Whether a job has ended without its work being done. */
export function isLostJob({ state }: Pick<ClusterJob, 'state'>): boolean {
  return !GOOD_STATES.includes(state);
}

/** Whether a job that waits is news to somebody who knew it as it was before. */
export function isNewlyQueued({ reason = 'None' }: ClusterJob, before: ClusterJob | undefined): boolean {
  return before?.state !== 'queued' || (before.reason !== reason && !ORDINARY_REASONS.includes(reason));
}

/** Jobs that wait: `12 jobs queued (9 Priority, 3 Dependency)`. */
export function queuedText(jobs: readonly ClusterJob[]): string {
  return `${plural(jobs.length, 'job')} queued${reasonsText(jobs)}`;
}

/**
 * E.g. `jobs: 12 queued (9 Priority, 3 Dependency), 3 running, 1 failed`; empty without jobs.
 * @param brief without the reasons
 */
export function jobCountsText(jobs: Iterable<CountedJob>, colors: Colors, brief = false): string {
  const byState = groupBy(jobs, ({ state }) => state);
  if (byState.size === 0) return '';
  const parts = STATES.flatMap((state) => {
    const those = byState.get(state);
    if (those === undefined) return [];
    const text = `${those.length.toLocaleString('en')} ${STATE_NAMES[state]}`;
    if (state === 'queued') return [brief ? text : text + reasonsText(those)];
    return [GOOD_STATES.includes(state) ? text : colors.red(text)];
  });
  return `jobs: ${parts.join(', ')}`;
}

/** What has become of a job that does not wait, in a line. */
export function jobText({ id, bundle, state, reason, node, log }: ClusterJob, colors: Colors): string {
  const why = reason === undefined ? '' : ` (${reason})`;
  switch (state) {
    case 'queued':
      return `job ${id}: ${bundle} is queued${why}`;
    case 'requeued':
      return `job ${id}: ${bundle} is queued again${why}`;
    case 'running':
      return `job ${id}: ${bundle} runs${on(node)}`;
    case 'done':
      return `job ${id}: ${bundle} is done`;
    default:
      return `job ${id}: ${bundle} ${colors.red(ENDED[state](node))}${why}${log === undefined ? '' : `; its log: ${log}`}`;
  }
}

const on = (node?: string) => (node === undefined ? '' : ` on ${node}`);
const ENDED = {
  failed: (node?: string) => `failed${on(node)}`,
  'out-of-memory': (node?: string) => `ran out of memory${on(node)}`,
  'time-limit': (node?: string) => `reached its time limit${on(node)}`,
  'node-failure': (node?: string) => `has lost its machine${node === undefined ? '' : ` ${node}`}`,
  cancelled: () => 'was cancelled',
  preempted: () => 'had to make room for another job',
  lost: () => 'is not known any more, and left no word',
};

/** ` (Priority)`, or ` (9 Priority, 3 Dependency)` where there are several, the most frequent first. */
function reasonsText(jobs: readonly CountedJob[]): string {
  const groups = [...groupBy(jobs, ({ reason = 'None' }) => reason)].filter(([reason]) => reason !== 'None');
  if (groups.length === 1 && groups[0]![1].length === jobs.length) return ` (${groups[0]![0]})`;
  const counted = groups
    .toSorted(([, a], [, b]) => b.length - a.length)
    .map(([reason, those]) => `${those.length.toLocaleString('en')} ${reason}`);
  return counted.length === 0 ? '' : ` (${counted.join(', ')})`;
}

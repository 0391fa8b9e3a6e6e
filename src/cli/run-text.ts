/** Texts about nodes and runs that several views and commands share. */
import { hostname } from 'node:os';
import { significant } from '../base/number-text.ts';
import type { Colors } from 'picocolors/types';
import { listed } from '../base/listed.ts';
import type { SwpEvent, WorkHolder } from '../engine/event.ts';
import type { NodeLabel } from '../engine/stage.ts';
import { durationText } from './duration.ts';
import { isOfWholeStudy } from '../project/nodes.ts';
import type { RunState } from '../project/run-state.ts';

/** E.g. `ann on gpu-box (process 4711) is computing it as B1/s0/r1/train`, or `this run is computing it as ...`. */
export function holderText(holder: WorkHolder): string {
  const { user, host, pid, place } = holder;
  return `${isThisRun(holder) ? 'this run' : `${user} on ${host} (process ${pid})`} is computing it as ${place}`;
}

/** A run waits for itself where two of its nodes are stops of one trajectory. */
export function isThisRun({ host, pid }: WorkHolder): boolean {
  return pid === process.pid && host === hostname();
}

/** E.g. `A1 seed 0 round 2 train`. */
export function labelText(label: NodeLabel): string {
  const { experiment, seed, round, step } = label;
  if (isOfWholeStudy(label)) return step;
  return [experiment, `seed ${seed}`, ...(round > 0 ? [`round ${round}`] : []), step].join(' ');
}

/**
 * E.g. `312/904 nodes: 290 cached, 22 ran, 1 failed`; before the plan is there, that it is being made.
 * @param brief without what went well: `312/904; 1 failed`
 */
export function countsText(state: RunState, colors: Colors, brief = false): string {
  const { ended, total, cached, ran, failed, blocked } = state;
  if (total === 0) return 'planning';
  const wrong = [
    failed > 0 ? colors.red(`${failed} failed`) : '',
    blocked > 0 ? colors.yellow(`${blocked} blocked`) : '',
  ].filter((part) => part !== '');
  if (brief) return [`${ended}/${total}`, ...wrong].join('; ');
  const parts = [...(cached > 0 ? [`${cached} cached`] : []), ...(ran > 0 ? [`${ran} ran`] : []), ...wrong];
  return `${ended}/${total} nodes${parts.length > 0 ? `: ${parts.join(', ')}` : ''}`;
}

/**
 * E.g. `about 3 min 20 s left`, `at least 3 min 20 s left (eval not timed yet)` or `measuring the time left`; empty at
 * the end.
 * @param brief e.g. `3 min 20 s left`, `>3 min 20 s left`, `measuring`
 */
export function timeLeftText(state: RunState, brief = false): string {
  if (state.ended >= state.total) return '';
  const left = state.left();
  if (left === undefined) return brief ? 'measuring' : 'measuring the time left';
  const duration = durationText(Math.max(1, left.seconds));
  if (left.untimed.length === 0) return `${brief ? '' : 'about '}${duration} left`;
  return brief ? `>${duration} left` : `at least ${duration} left (${listed(left.untimed)} not timed yet)`;
}

/**
 * A finished node in a line; undefined for one that was blocked, since the failure that blocks it has a line, and for
 * one whose job came to nothing, since the job has one.
 */
export function endText(event: Extract<SwpEvent, { event: 'node-end' }>, colors: Colors): string | undefined {
  const place = labelText(event.label);
  switch (event.outcome) {
    case 'failed':
      // the summary says why
      return event.failure?.kind === 'job' ? undefined : `${colors.red('failed')} ${place}`;
    case 'blocked':
      return undefined;
    case 'cached':
      return `${colors.dim('same')}   ${place}`;
    case 'ran':
      return `${colors.green('ran')}    ${place}  ${colors.dim(durationText(event.seconds))}${metricsText(event.metrics)}`;
  }
}

function metricsText(metrics: Record<string, unknown> | undefined): string {
  const numbers = Object.entries(metrics ?? {}).filter(([, value]) => typeof value === 'number');
  return numbers
    .slice(0, 3)
    .map(([name, value]) => `  ${name} ${numberText(value as number)}`)
    .join('');
}

/**
 * Four significant digits; whole numbers in full.
 * @param apart numbers that it must not be mistaken for, such as the one that it is compared with
 */
export function numberText(value: number, apart: readonly number[] = []): string {
  return Number.isInteger(value) ? value.toLocaleString('en') : significant(value, 4, [1, ...apart]);
}

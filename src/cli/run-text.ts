/** Texts about nodes and runs that several views and commands share. */
import type { Colors } from 'picocolors/types';
import type { SwpEvent, WorkHolder } from '../engine/event.ts';
import type { NodeLabel } from '../engine/stage.ts';
import { durationText } from './duration.ts';
import { isOfWholeStudy } from '../project/nodes.ts';
import type { RunState } from '../project/run-state.ts';

/** E.g. `ann on gpu-box (process 4711) is computing it as B1/s0/r1/train`. */
export function holderText({ user, host, pid, place }: WorkHolder): string {
  return `${user} on ${host} (process ${pid}) is computing it as ${place}`;
}

/** E.g. `A1 seed 0 round 2 train`. */
export function labelText(label: NodeLabel): string {
  const { experiment, seed, round, step } = label;
  if (isOfWholeStudy(label)) return step;
  return [experiment, `seed ${seed}`, ...(round > 0 ? [`round ${round}`] : []), step].join(' ');
}

/** E.g. `312/904 nodes: 290 cached, 22 ran, 1 failed`. */
export function countsText(state: RunState, colors: Colors): string {
  const { ended, total, cached, ran, failed, blocked } = state;
  const parts = [
    cached > 0 ? `${cached} cached` : '',
    ran > 0 ? `${ran} ran` : '',
    failed > 0 ? colors.red(`${failed} failed`) : '',
    blocked > 0 ? colors.yellow(`${blocked} blocked`) : '',
  ].filter((part) => part !== '');
  return `${ended}/${total} nodes${parts.length > 0 ? `: ${parts.join(', ')}` : ''}`;
}

export function timeLeftText(state: RunState): string {
  const seconds = state.secondsLeft();
  return seconds === undefined || state.ended >= state.total ? '' : `about ${durationText(Math.max(1, seconds))} left`;
}

/** A finished node in a line; undefined for one that was blocked, since the failure that blocks it has a line. */
export function endText(event: Extract<SwpEvent, { event: 'node-end' }>, colors: Colors): string | undefined {
  const place = labelText(event.label);
  switch (event.outcome) {
    case 'failed':
      return `${colors.red('failed')} ${place}`; // the summary says why
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

/** Four significant digits; whole numbers in full. */
export function numberText(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en') : String(Number(value.toPrecision(4)));
}

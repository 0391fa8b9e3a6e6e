/** A study in a line, as several commands head their output with it. */
import type { Colors } from 'picocolors/types';
import type { NodeState } from '../engine/event.ts';
import type { StudySize } from '../project/study-size.ts';

/** E.g. `super-weights, profile pilot (steps x 0.02): 8 experiments, 24 runs`. */
export function studyLine({ name, profile, scaleSteps, experiments, runs }: StudySize, colors: Colors): string {
  const scale = scaleSteps === 1 ? '' : ` (steps x ${scaleSteps})`;
  return `${colors.bold(name)}, profile ${colors.bold(profile)}${scale}: ${plural(experiments, 'experiment')}, ${plural(runs, 'run')}`;
}

/** E.g. `40 cached, 2 missing, 1 stale, 3 blocked`; what there is none of is left out. */
export function stateCounts(counts: Record<NodeState, number>, colors: Colors): string {
  const parts = [
    counts.cached > 0 ? colors.green(`${counts.cached.toLocaleString('en')} cached`) : '',
    counts.missing > 0 ? `${counts.missing.toLocaleString('en')} missing` : '',
    counts.stale > 0 ? colors.yellow(`${counts.stale.toLocaleString('en')} stale`) : '',
    counts.blocked > 0 ? colors.red(`${counts.blocked.toLocaleString('en')} blocked`) : '',
  ];
  return parts.filter((part) => part !== '').join(', ') || 'none';
}

export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

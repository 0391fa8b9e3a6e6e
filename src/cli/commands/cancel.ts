/** swp cancel: ends jobs of a study in Slurm. */
import type { ProjectOptions } from '../../project/location.ts';
import { planNodes, wholly } from '../../project/nodes.ts';
import { openProject, type Project } from '../../project/project.ts';
import { cancelJobs, type MeantJobs } from '../../project/study-jobs.ts';
import { plural } from '../study-text.ts';
import { openTerminal } from '../terminal.ts';

export async function cancel(words: string[], options: ProjectOptions): Promise<void> {
  const project = await openProject(options);
  const { cancelled, left, ofOthers } = await cancelJobs(
    project,
    words.length === 0 ? undefined : await meantBy(project, words),
  );
  const terminal = openTerminal();
  if (options.json)
    return terminal.line(
      JSON.stringify({ cancelled: cancelled.map(({ id, bundle }) => ({ job: id, bundle: bundle.name })) }),
    );
  if (cancelled.length + left === 0) return terminal.line('This study has no jobs in Slurm that could be cancelled.');
  for (const { id, bundle } of cancelled) terminal.lines(`job ${id}: ${bundle.name} is cancelled`);
  const others = ofOthers > 0 ? ` (${ofOthers === left ? '' : `${ofOthers} of them `}sent by somebody else)` : '';
  const alone = left > 0 ? `, ${plural(left, 'job')} left alone${others}` : '';
  const kept = cancelled.length > 0 ? ' What they have done is kept; `swp submit` sends the rest again.' : '';
  terminal.line(`${plural(cancelled.length, 'job')} cancelled${alone}.${kept}`);
}

async function meantBy(project: Project, words: string[]): Promise<MeantJobs> {
  const selected = await planNodes(project, words);
  const keysOf = (nodes: typeof selected) => new Set(nodes.map(({ node }) => node.key));
  const [meant, whole] = [keysOf(selected), keysOf(wholly(selected, words))];
  return {
    isMeant: (nodes) => nodes.some((key) => meant.has(key)),
    isShared: (nodes) => !nodes.some((key) => whole.has(key)),
  };
}

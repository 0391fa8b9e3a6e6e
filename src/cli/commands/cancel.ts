/** swp cancel: ends jobs of a study in Slurm. */
import type { ProjectOptions } from '../../project/location.ts';
import { planNodes } from '../../project/nodes.ts';
import { openProject } from '../../project/project.ts';
import { cancelJobs } from '../../project/study-jobs.ts';
import { plural } from '../study-text.ts';
import { openTerminal } from '../terminal.ts';

export async function cancel(words: string[], options: ProjectOptions): Promise<void> {
  const project = await openProject(options);
  const meant = words.length === 0 ? undefined : new Set((await planNodes(project, words)).map(({ node }) => node.key));
  const { cancelled, left, ofOthers } = await cancelJobs(project, (nodes) =>
    nodes.some((key) => meant?.has(key) ?? true),
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
  terminal.line(
    `${plural(cancelled.length, 'job')} cancelled${alone}. What they have done is kept; \`swp submit\` sends the rest again.`,
  );
}

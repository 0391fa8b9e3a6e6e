/** swp invalidate: dismisses results in this study, so that the next repro computes them again. Deletes nothing. */
import { addTo } from '../../base/groups.ts';
import type { PlannedState } from '../../engine/plan.ts';
import { invalidateNodes, type Invalidation } from '../../project/invalidation.ts';
import { experimentsOf, nodeJson } from '../../project/nodes.ts';
import { openProject } from '../../project/project.ts';
import type { InvalidateOptions } from '../declarations/invalidate.ts';
import { labelText } from '../run-text.ts';
import { plural } from '../study-text.ts';
import { table } from '../table.ts';
import { noteMissingCache } from '../missing-cache-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

export async function invalidate(words: string[], options: InvalidateOptions): Promise<void> {
  const { dryRun = false } = options;
  const invalidation = await invalidateNodes(await openProject(options), words, options);
  const terminal = openTerminal();
  noteMissingCache(options, terminal);
  if (options.json) terminal.line(JSON.stringify({ dryRun, nodes: invalidation.dismissed.map(nodeJson) }));
  else writeInvalidation(invalidation, dryRun, terminal);
}

function writeInvalidation({ selected, meant, dismissed }: Invalidation, dryRun: boolean, terminal: Terminal): void {
  const { colors } = terminal;
  const followers = meant.length - selected.length;
  terminal.line(
    `${plural(selected.length, 'node')} selected${followers > 0 ? `, ${followers} more follow from them` : ''}; ${dismissed.length} of them have a result.`,
  );
  if (dismissed.length === 0) return terminal.line('There is nothing to dismiss: none of them is cached.');
  const stages = new Map<string, number>();
  for (const { node } of dismissed) stages.set(node.stage.name, (stages.get(node.stage.name) ?? 0) + 1);
  const head = dryRun ? 'would rerun' : 'will rerun';
  for (const line of table(
    ['stage', head],
    [...stages].map(([stage, count]) => [stage, String(count)]),
    colors,
  ))
    terminal.line(line);
  const shared = dismissed
    .map((planned) => ({ planned, experiments: experimentsOf(planned.node) }))
    .filter(({ experiments }) => experiments.length > 1);
  if (shared.length > 0) {
    terminal.line(
      colors.yellow(
        `Of these, ${plural(shared.length, 'node')} serve${shared.length === 1 ? 's' : ''} several experiments, which all get the new results:`,
      ),
    );
    const byExperiments = new Map<string, PlannedState[]>();
    for (const { planned, experiments } of shared) addTo(byExperiments, experiments.join(', '), planned);
    for (const [experiments, nodes] of byExperiments)
      terminal.line(
        `  ${experiments}: ${plural(nodes.length, 'node')}, such as ${labelText(nodes[0]!.node.labels[0]!)}`,
      );
  }
  terminal.line(dryRun ? 'Nothing was dismissed.' : 'Dismissed, in this study only. `swp repro` computes them again.');
}

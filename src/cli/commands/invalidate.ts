/** swp invalidate: dismisses results in this study, so that the next repro computes them again. Deletes nothing. */
import type { Command } from 'commander';
import { SwpError } from '../../base/failure.ts';
import type { Plan, PlannedState } from '../../engine/plan.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';
import type { Project } from '../../project/project.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

interface InvalidateOptions extends ProjectOptions {
  only?: boolean;
  why?: string;
  dryRun?: boolean;
}

export function declareInvalidate(program: Command): Command {
  const command = program
    .command('invalidate')
    .description('Dismiss results in this study, so that the next repro computes them again.')
    .argument('<selectors...>', 'which nodes, e.g. stage=prune experiment=A1')
    .option('--only', 'only these nodes, not those that follow from them')
    .option('--why <reason>', 'a reason, which status and repro repeat')
    .option('-n, --dry-run', 'say what would be dismissed')
    .addHelpText(
      'after',
      `
Examples:
  swp invalidate stage=prune experiment=A1 --dry-run
  swp invalidate stage=prune experiment=A1 --why "new tie rule"
  swp invalidate stage=eval --only

Nothing is deleted: a tombstone in this study dismisses the records that are there now. Other studies that use the
same cache keep them, and what a later repro computes counts again.
${SELECTOR_HELP}`,
    )
    .action(invalidate);
  return withStudyOptions(command);
}

async function invalidate(words: string[], options: InvalidateOptions): Promise<void> {
  const { openProject, planProject, selectPlanned, nodeJson } = await import('../../project/project.ts');
  const project = await openProject(options);
  const planned = await planProject(project);
  const selected = selectPlanned(planned, words);
  const meant = options.only ? selected : withDescendants(project, planned, selected);
  const dismissed = meant.filter(({ state }) => state === 'cached');
  if (!options.dryRun) await dismiss(project, dismissed, options.why);
  const terminal = openTerminal();
  if (options.json) terminal.line(JSON.stringify({ dryRun: options.dryRun ?? false, nodes: dismissed.map(nodeJson) }));
  else await writeInvalidation({ selected, meant, dismissed, dryRun: options.dryRun ?? false, terminal });
}

function withDescendants({ dag }: Project, planned: Plan, selected: PlannedState[]): PlannedState[] {
  const meant = new Set(selected.map(({ node }) => node.key));
  // the set grows while it is walked
  for (const key of meant) for (const consumer of dag.outNeighbors(key)) meant.add(consumer);
  return [...planned.nodes.values()].filter(({ node }) => meant.has(node.key));
}

async function dismiss({ state }: Project, nodes: PlannedState[], why: string | undefined): Promise<void> {
  const { placeOf } = await import('../../engine/stage.ts');
  for (const { node, record } of nodes) {
    if (record === undefined) throw new SwpError({ kind: 'usage', message: `${node.key} is cached without a record.` });
    await state.dismiss(record, node.labels.map(placeOf), why);
  }
}

interface Invalidation {
  selected: PlannedState[];
  meant: PlannedState[];
  dismissed: PlannedState[];
  dryRun: boolean;
  terminal: Terminal;
}

async function writeInvalidation({ selected, meant, dismissed, dryRun, terminal }: Invalidation): Promise<void> {
  const { runsOf } = await import('../../project/project.ts');
  const { plural } = await import('../study-text.ts');
  const { table } = await import('../table.ts');
  const { labelText } = await import('../run-text.ts');
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
    .map((planned) => ({
      planned,
      experiments: [...new Set(runsOf(planned.node).map(({ experiment }) => experiment))],
    }))
    .filter(({ experiments }) => experiments.length > 1);
  if (shared.length > 0) {
    terminal.line(
      colors.yellow(
        `Of these, ${plural(shared.length, 'node')} serve${shared.length === 1 ? 's' : ''} several experiments, which all get the new results:`,
      ),
    );
    const byExperiments = new Map<string, PlannedState[]>();
    for (const { planned, experiments } of shared)
      byExperiments.set(experiments.join(', '), [...(byExperiments.get(experiments.join(', ')) ?? []), planned]);
    for (const [experiments, nodes] of byExperiments)
      terminal.line(
        `  ${experiments}: ${plural(nodes.length, 'node')}, such as ${labelText(nodes[0]!.node.labels[0]!)}`,
      );
  }
  terminal.line(dryRun ? 'Nothing was dismissed.' : 'Dismissed, in this study only. `swp repro` computes them again.');
}

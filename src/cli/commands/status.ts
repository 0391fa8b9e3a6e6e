/** swp status: what is cached, missing and stale, in a screenful. */
import type { Command } from 'commander';
import type { Reason } from '../../engine/event.ts';
import type { Plan, PlannedState } from '../../engine/plan.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';
import type { Project } from '../../project/project.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

export function declareStatus(program: Command): Command {
  const command = program
    .command('status')
    .description('Say what is cached, missing and stale.')
    .argument('[selectors...]', 'only these nodes, e.g. experiment=A1')
    .addHelpText(
      'after',
      `
Examples:
  swp status                       the whole study
  swp status experiment=A1         one arm
  swp status --json                {"nodes":[{key, stage, round, step, runs, state, reason, inputs}]}

cached: its result is there. missing: it has not been computed. stale: it was computed, but its recipe has
changed since, or swp invalidate dismissed it.
${SELECTOR_HELP}`,
    )
    .action(status);
  return withStudyOptions(command);
}

async function status(words: string[], options: ProjectOptions): Promise<void> {
  const { openProject, planProject, selectPlanned, nodeJson } = await import('../../project/project.ts');
  const project = await openProject(options);
  const planned = await planProject(project);
  const nodes = selectPlanned(planned, words);
  const terminal = openTerminal();
  if (options.json) terminal.line(JSON.stringify({ nodes: nodes.map(nodeJson) }));
  else await writeStatus(project, planned, nodes, terminal);
}

async function writeStatus(project: Project, planned: Plan, nodes: PlannedState[], terminal: Terminal): Promise<void> {
  const { countStates, runsOf } = await import('../../project/project.ts');
  const { studyLine, stateCounts, plural } = await import('../study-text.ts');
  const { table } = await import('../table.ts');
  const { warningText } = await import('../failure-text.ts');
  const { reasonText } = await import('../reason-text.ts');
  const { colors } = terminal;
  terminal.line(studyLine(project.study, colors));
  terminal.line();
  const rows = (groups: Map<string, PlannedState[]>) =>
    [...groups].map(([name, group]) => {
      const { cached, missing, stale } = countStates(group);
      return [name, count(group.length), count(cached, colors.green), count(missing), count(stale, colors.yellow)];
    });
  const head = ['nodes', 'cached', 'missing', 'stale'];
  for (const line of table(['stage', ...head], rows(groupBy(nodes, ({ node }) => [node.stage.name])), colors))
    terminal.line(line);
  terminal.line();
  const byExperiment = groupBy(nodes, ({ node }) => runsOf(node).map(({ experiment }) => experiment));
  for (const line of table(['experiment', ...head], rows(byExperiment), colors)) terminal.line(line);
  terminal.line();
  terminal.line(
    `${plural(nodes.length, 'node')}: ${stateCounts(countStates(nodes), colors)}. A node that serves several experiments is counted at each.`,
  );
  for (const line of staleReasons(nodes, reasonText)) terminal.line(`  ${colors.yellow(line)}`);
  for (const warning of planned.warnings) terminal.errorLine(warningText(warning, colors));
  if (nodes.some(({ state }) => state !== 'cached'))
    terminal.line('`swp repro` brings it up to date; `swp repro --dry-run` says how.');
}

function count(value: number, colour: (text: string) => string = (text) => text): string {
  return value === 0 ? '-' : colour(value.toLocaleString('en'));
}

/** Why nodes are stale, the commonest reasons first. */
function staleReasons(nodes: PlannedState[], reasonText: (reason: Reason) => string): string[] {
  const stale = nodes.filter(({ state }) => state === 'stale');
  const reasons = groupBy(stale, ({ reason }) => [reasonText(reason)]);
  return [...reasons]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([reason, group]) => `${group.length} stale: ${reason}`);
}

function groupBy<Item>(items: Iterable<Item>, namesOf: (item: Item) => string[]): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    for (const name of new Set(namesOf(item))) {
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [item]);
      else group.push(item);
    }
  }
  return groups;
}

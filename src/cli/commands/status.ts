/** swp status: what is cached, missing, stale and blocked, in a screenful. */
import type { Failure } from '../../base/failure.ts';
import type { Plan, PlannedState } from '../../engine/plan.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { missingInputs } from '../../project/missing-inputs.ts';
import { countStates, experimentsOf, nodeJson, selectPlanned } from '../../project/nodes.ts';
import { openProject, planProject, type Project } from '../../project/project.ts';
import { hasSentJobs } from '../../project/sent-jobs.ts';
import { sizeOf, type StudySize } from '../../project/study-size.ts';
import { warningText } from '../failure-text.ts';
import { missingTexts } from '../missing-text.ts';
import { reasonText } from '../reason-text.ts';
import { plural, stateCounts, studyLine } from '../study-text.ts';
import { table } from '../table.ts';
import { noteMissingCache } from '../missing-cache-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

export async function status(words: string[], options: ProjectOptions): Promise<void> {
  const project = await openProject(options);
  const planned = await planProject(project);
  const nodes = selectPlanned(planned, words);
  const terminal = openTerminal();
  noteMissingCache(options, terminal);
  const missing = missingInputs(nodes.map(({ node }) => node));
  const jobs = await jobsOf(project, planned, nodes);
  if (options.json)
    return terminal.line(
      JSON.stringify({
        nodes: nodes.map(nodeJson),
        missingInputs: missing,
        jobs: jobs?.json() ?? [],
        warnings: [...planned.warnings, ...(jobs?.warnings ?? [])],
      }),
    );
  writeStatus(sizeOf(project.study), nodes, terminal);
  const { colors } = terminal;
  for (const text of missingTexts(missing, colors, colors.red('blocked:'))) terminal.lines(text);
  for (const warning of planned.warnings) terminal.errorLines(warningText(warning, colors));
  const states = countStates(nodes);
  const lacking = states.missing + states.stale;
  jobs?.write(lacking, terminal);
  if (lacking > 0 && (jobs?.onTheirWay ?? 0) === 0)
    terminal.line('`swp repro` brings it up to date; `swp repro --dry-run` says how.');
}

interface ShownJobs {
  json(): object[];
  warnings: readonly Failure[];
  /** How many of the nodes without results are in live jobs. */
  onTheirWay: number;
  write(lacking: number, terminal: Terminal): void;
}

/** @returns undefined for a study that never sent any: then nobody is asked, and what asks is not loaded */
async function jobsOf(
  project: Project,
  { nodes }: Plan,
  selected: readonly PlannedState[],
): Promise<ShownJobs | undefined> {
  if (!hasSentJobs(project)) return undefined;
  const [{ jobsStatus }, { jobJson, writeJobs }] = await Promise.all([
    import('../../project/job-status.ts'),
    import('../job-status-text.ts'),
  ]);
  const status = await jobsStatus(project, nodes, selected);
  const onTheirWay = selected.filter(
    ({ node, state }) => state !== 'blocked' && status.onTheirWay.has(node.key),
  ).length;
  return {
    json: () => status.jobs.map(jobJson),
    warnings: status.silence === undefined ? [] : [status.silence],
    onTheirWay,
    write: (all, terminal) => writeJobs(status, { all, onTheirWay }, terminal),
  };
}

function writeStatus(study: StudySize, nodes: PlannedState[], terminal: Terminal): void {
  const { colors } = terminal;
  terminal.line(studyLine(study, colors));
  terminal.line();
  const someBlocked = countStates(nodes).blocked > 0;
  const rows = (groups: Map<string, PlannedState[]>) =>
    [...groups].map(([name, group]) => {
      const { cached, missing, stale, blocked } = countStates(group);
      const row = [name, count(group.length), count(cached, colors.green), count(missing), count(stale, colors.yellow)];
      return someBlocked ? [...row, count(blocked, colors.red)] : row;
    });
  const head = ['nodes', 'cached', 'missing', 'stale', ...(someBlocked ? ['blocked'] : [])];
  for (const line of table(['stage', ...head], rows(groupBy(nodes, ({ node }) => [node.stage.name])), colors))
    terminal.line(line);
  terminal.line();
  const byExperiment = groupBy(nodes, ({ node }) => experimentsOf(node));
  for (const line of table(['experiment', ...head], rows(byExperiment), colors)) terminal.line(line);
  terminal.line();
  terminal.line(
    `${plural(nodes.length, 'node')}: ${stateCounts(countStates(nodes), colors)}. A node that serves several experiments is counted at each.`,
  );
  for (const line of staleReasons(nodes)) terminal.line(`  ${colors.yellow(line)}`);
}

function count(value: number, colour: (text: string) => string = (text) => text): string {
  return value === 0 ? '-' : colour(value.toLocaleString('en'));
}

/** Why nodes are stale, the commonest reasons first. */
function staleReasons(nodes: PlannedState[]): string[] {
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

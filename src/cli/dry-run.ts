/** `swp repro --dry-run`: what would run, by stage and reason. */
import type { SwpEvent } from '../engine/event.ts';
import { expectedRestores, neededNodes, type Wanted } from '../engine/needed-nodes.ts';
import { lengthsOf } from '../engine/trajectory.ts';
import type { Plan } from '../engine/plan.ts';
import { nodeJson, type Project } from '../project/project.ts';
import { reasonText } from './reason-text.ts';
import { labelText } from './run-text.ts';
import { plural, studyLine } from './study-text.ts';
import { table } from './table.ts';
import type { Terminal } from './terminal.ts';

export interface DryRun {
  project: Project;
  planned: Plan;
  wanted: Wanted;
  json: boolean;
  verbose: boolean;
  terminal: Terminal;
}

export function writeDryRun({ project, planned, wanted, json, verbose, terminal }: DryRun): void {
  const needed = neededNodes(planned, wanted);
  const restores = expectedRestores(planned, needed);
  const toRun = needed
    .filter(({ node, state }) => state !== 'cached' || restores.has(node.key))
    .map((planned) => ({ ...planned, reason: restores.get(planned.node.key) ?? planned.reason }));
  const lengths = lengthsOf(toRun.map(({ node }) => node));
  if (json) {
    const stages: Record<string, number> = {};
    for (const { node } of toRun) stages[node.stage.name] = (stages[node.stage.name] ?? 0) + 1;
    const event: SwpEvent = {
      event: 'plan',
      nodes: { total: needed.length, cached: needed.length - toRun.length, toRun: toRun.length },
      stages,
    };
    terminal.line(JSON.stringify({ ...event, lengths, toRun: toRun.map(nodeJson) }));
    return;
  }
  const { colors } = terminal;
  terminal.line(studyLine(project.study, colors));
  if (toRun.length === 0) return terminal.line(`Nothing to do: all ${plural(needed.length, 'node')} are cached.`);
  terminal.line();
  const groups = new Map<string, number>();
  for (const planned of toRun) {
    const group = JSON.stringify([planned.node.stage.name, reasonText(planned.reason)]);
    groups.set(group, (groups.get(group) ?? 0) + 1);
  }
  const rows = [...groups].map(([group, count]) => {
    const [stage = '', reason = ''] = JSON.parse(group) as string[];
    return [stage, String(count), reason];
  });
  for (const line of table(['stage', 'nodes', 'why'], rows, colors)) terminal.line(line);
  for (const { stage, unit, asked, distinct } of lengths) {
    const saved = asked > distinct ? ` (${asked.toLocaleString('en')} if nothing were shared)` : '';
    terminal.line(`${stage}: ${distinct.toLocaleString('en')} ${unit}${saved}`);
  }
  if (verbose) {
    terminal.line();
    for (const { node, reason } of toRun)
      terminal.line(`${node.labels.map(labelText).join(', ')}  ${colors.dim(reasonText(reason))}`);
  }
  terminal.line();
  terminal.line(
    `Would run ${plural(toRun.length, 'node')} of ${needed.length}; ${needed.length - toRun.length} are cached. Nothing was done.`,
  );
}

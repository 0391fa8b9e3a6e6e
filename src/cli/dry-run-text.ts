/** `swp repro --dry-run`: what would run, by stage and reason. */
import type { DryRun } from '../project/planned-run.ts';
import { reasonText } from './reason-text.ts';
import { labelText } from './run-text.ts';
import { plural } from './study-text.ts';
import { table } from './table.ts';
import type { Terminal } from './terminal.ts';

/**
 * @param study in a line
 * @param verbose also name every node
 */
export function writeDryRun(
  study: string,
  { event, toRun, lengths }: DryRun,
  verbose: boolean,
  terminal: Terminal,
): void {
  const { colors } = terminal;
  const { total, cached, blocked = 0 } = event.nodes;
  terminal.line(study);
  if (toRun.length === 0)
    return terminal.line(
      blocked === 0
        ? `Nothing to do: all ${plural(total, 'node')} are cached.`
        : `Nothing can be done: ${cached} of ${plural(total, 'node')} are cached, and ${blocked} are blocked.`,
    );
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
  const others = `${cached} are cached${blocked > 0 ? `, ${blocked} are blocked` : ''}`;
  terminal.line(`Would run ${plural(toRun.length, 'node')} of ${total}; ${others}. Nothing was done.`);
}

/** swp gc: evicts what is large and can be computed again, by policy. */
import { evict } from '../../project/garbage.ts';
import { openProject } from '../../project/project.ts';
import type { GcOptions } from '../declarations/gc.ts';
import { quantityText } from '../../base/quantity-text.ts';
import { plural } from '../study-text.ts';
import { noteMissingCache } from '../missing-cache-text.ts';
import { openTerminal } from '../terminal.ts';

/** Of each kind, what one and what several are called. */
const KINDS = {
  evicted: ['evictable artifact', 'evictable artifacts'],
  unreferenced: ['file that nothing refers to', 'files that nothing refers to'],
  checkpoint: ['old checkpoint', 'old checkpoints'],
  submission: ['old submission to a cluster', 'old submissions to a cluster'],
  leftover: ['leftover of a process that is gone', 'leftovers of processes that are gone'],
} as const;

export async function gc(options: GcOptions): Promise<void> {
  const { dryRun = false, json } = options;
  const { removed, refused, kept, damagedRecords } = await evict(await openProject(options), options, dryRun);
  const bytes = bytesOf(removed);
  const terminal = openTerminal();
  noteMissingCache(options, terminal);
  if (json) return terminal.line(JSON.stringify({ dryRun, removed, bytes, refused, kept, damagedRecords }));
  for (const [kind, [one, several]] of Object.entries(KINDS)) {
    const some = removed.filter((each) => each.kind === kind);
    if (some.length > 0)
      terminal.line(`${some.length} ${some.length === 1 ? one : several}, ${quantityText(bytesOf(some), 'B')}`);
  }
  if (refused.length > 0)
    terminal.errorLine(
      `${plural(refused.length, 'leftover')} of other users cannot be removed: the next \`swp repro\` of the owner does it, or \`swp gc\` as root.`,
    );
  if (damagedRecords > 0)
    terminal.errorLine(
      `${plural(damagedRecords, 'record')} cannot be read: what they refer to is kept. \`swp verify\` names them.`,
    );
  terminal.line(
    `${dryRun ? 'Would free' : 'Freed'} ${quantityText(bytes, 'B')}; ${plural(kept.files, 'artifact')} with ${quantityText(kept.bytes, 'B')} stay.${dryRun ? ' Nothing was removed.' : ''}`,
  );
}

function bytesOf(files: readonly { bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** swp gc: evicts what is large and can be computed again, by policy. */
import type { Command } from 'commander';
import { withStudyOptions } from '../help.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { parseBytes, parseCount, parseDuration } from '../quantity-parse.ts';
import { openTerminal } from '../terminal.ts';

interface GcOptions extends ProjectOptions {
  keep?: string[];
  keepLast?: number;
  younger?: number;
  maxSize?: number;
  dryRun?: boolean;
}

export function declareGc(program: Command): Command {
  const command = program
    .command('gc')
    .description('Evict large artifacts by policy; metrics and records are always kept.')
    .option(
      '--keep <selector>',
      'keep what these nodes of this study made, e.g. experiment=A1 (repeatable)',
      (word: string, words: string[] = []) => [...words, word],
    )
    .option('--keep-last <number>', 'keep what the newest so many records made', parseCount)
    .option('--younger <duration>', 'keep what was made in this time, e.g. 7d', parseDuration)
    .option('--max-size <size>', 'evict the oldest until the artifacts take no more than this, e.g. 50GB', parseBytes)
    .option('-n, --dry-run', 'say what would be removed')
    .addHelpText(
      'after',
      `
Examples:
  swp gc --dry-run                          what no study that uses this cache refers to any more
  swp gc --keep experiment=A1 --younger 7d  weights of A1, and those of the last week, stay; others go
  swp gc --max-size 50GB                    the oldest go first

Evicted are weights and moments: what stages declare as such. They are computed again if a node that runs needs them;
results stay cached without them. Without --keep, --keep-last, --younger or --max-size, only what no study refers to
goes: a study counts as long as the cache remembers it, wherever its pipeline.json is now. It may run beside others.`,
    )
    .action(gc);
  return withStudyOptions(command);
}

async function gc(options: GcOptions): Promise<void> {
  const [{ openProject, planProject, selectPlanned }, { collectGarbage }, { quantityText }, { plural }] =
    await Promise.all([
      import('../../project/project.ts'),
      import('../../cache/garbage-collection.ts'),
      import('../quantity-text.ts'),
      import('../study-text.ts'),
    ]);
  const project = await openProject(options);
  const planned = await planProject(project);
  const keep = new Set(
    (options.keep ?? []).flatMap((word) => selectPlanned(planned, word.split(' ')).map(({ node }) => node.key)),
  );
  const terminal = openTerminal();
  try {
    const { removed, kept, damagedRecords } = await collectGarbage(
      project.cache,
      {
        keep,
        ...(options.keepLast !== undefined && { keepLast: options.keepLast }),
        ...(options.younger !== undefined && { youngerMs: options.younger }),
        ...(options.maxSize !== undefined && { maxBytes: options.maxSize }),
      },
      options.dryRun ?? false,
    );
    const bytes = removed.reduce((sum, each) => sum + each.bytes, 0);
    if (options.json)
      return terminal.line(JSON.stringify({ dryRun: options.dryRun ?? false, removed, bytes, kept, damagedRecords }));
    const words = {
      evicted: 'evictable artifact',
      unreferenced: 'file that nothing refers to',
      checkpoint: 'old checkpoint',
    } as const;
    for (const kind of ['evicted', 'unreferenced', 'checkpoint'] as const) {
      const some = removed.filter((each) => each.kind === kind);
      if (some.length > 0)
        terminal.line(
          `${some.length} ${words[kind]}${some.length === 1 ? '' : 's'}, ${quantityText(
            some.reduce((sum, each) => sum + each.bytes, 0),
            'B',
          )}`,
        );
    }
    if (damagedRecords > 0)
      terminal.errorLine(
        `${plural(damagedRecords, 'record')} cannot be read: what they refer to is kept. \`swp verify\` names them.`,
      );
    terminal.line(
      `${options.dryRun ? 'Would free' : 'Freed'} ${quantityText(bytes, 'B')}; ${plural(kept.files, 'artifact')} with ${quantityText(kept.bytes, 'B')} stay.${options.dryRun ? ' Nothing was removed.' : ''}`,
    );
  } finally {
    await project.cache.scratch.clear();
  }
}

/** The table of folders in docs/design.md says what the rules of .dependency-cruiser.mjs say. */
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { readPage, ROOT } from './pages.ts';

describe('The parts, in docs/design.md', async () => {
  const { LAYERS } = (await import(join(ROOT, '.dependency-cruiser.mjs') as string)) as {
    LAYERS: Record<string, string[]>;
  };
  const rows = readPage('docs/design.md').prose.flatMap(({ line }) => {
    const cells = /^\| `([a-z/-]+)` \|(.*)\|$/.exec(line);
    return cells ? [{ folder: cells[1]!, cells: cells[2]!.split('|').map((cell) => cell.trim()) }] : [];
  });

  it('names every folder', async () => {
    const { stdout } = await execa('git', ['ls-tree', '-d', '--name-only', 'HEAD'], { cwd: ROOT });
    const committed = stdout.split('\n').filter((name) => !name.startsWith('.'));
    expect([...new Set(rows.map(({ folder }) => folder.split('/')[0]!))].sort()).toEqual(committed.sort());
    const layers = rows.filter(({ cells }) => cells.length === 2).map(({ folder }) => folder.replace('src/', ''));
    expect(layers.sort()).toEqual(Object.keys(LAYERS).sort());
  });

  it.each(Object.entries(LAYERS))('says what %s imports', (layer, imports) => {
    const { cells } = rows.find(({ folder }) => folder.replace('src/', '') === layer)!;
    const all = Object.keys(LAYERS).filter((name) => !['stages', 'cli', layer].includes(name));
    const said = cells[1]!
      .replace(/;.*/, '')
      .replace(/^nothing$/, '')
      .replace('the stage contract', 'engine/stage.ts')
      .replace('all of the above but stages', all.join(', '));
    expect(said.split(', ').filter(Boolean).sort()).toEqual(imports.toSorted());
  });
});

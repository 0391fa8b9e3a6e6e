/** The table of settings in docs/slurm.md has what the schema has, and the options that commands have. */
import { execa } from 'execa';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import schema from '../../schemas/config.schema.json' with { type: 'json' };
import { readPage, ROOT } from './pages.ts';

const { slurm } = schema.properties;

const rows = readPage('docs/slurm.md').prose.flatMap(({ line }) => {
  const [, setting, option] = /^\| `([a-z]+)` \| (?:`(--[a-z]+) [A-Z]+`)? ?\|/.exec(line) ?? [];
  return setting === undefined ? [] : [{ setting, option }];
});

it('lists every setting', () => {
  expect(rows.map(({ setting }) => setting).sort()).toEqual(Object.keys(slurm.properties).sort());
  const { bundle, stages, ...ofStage } = slurm.properties;
  expect(stages.additionalProperties.properties).toEqual(ofStage);
  expect(bundle.type).toBe('string');
});

it('names the options of swp repro', async () => {
  const { stdout } = await execa(process.execPath, [join(ROOT, 'bin/swp.js'), 'repro', '--help']);
  const [, ofJobs = ''] = stdout.split('Jobs of Slurm');
  const options = [...ofJobs.matchAll(/^ {2}(--[a-z]+)/gm)].map(([, option]) => option);
  const named = rows.flatMap(({ option }) => option ?? []);
  expect(['--executor', ...named].filter((option) => option !== '--gpus').sort()).toEqual(options.sort());
});

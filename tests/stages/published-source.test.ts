/** A published model is the source of a study: it is not copied, and found wherever the study says that it lies. */
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';
import { openStudy } from '../../src/index.ts';

const SOURCE = join(packageRoot, 'tests/model/published/llama-sharded');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-source-'));
  await cp(SOURCE, join(folder, 'models/mine'), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function study(model: string) {
  const dag = [
    { step: 'load', stage: 'load-pretrained' },
    { step: 'init', stage: 'init', inputs: { pretrained: 'load.weights' } },
    { step: 'prune', stage: 'prune', inputs: { weights: 'init.weights' } },
  ];
  const params = { prune: { fraction: 0.1 } };
  const content = {
    name: 'source',
    dag,
    defaults: { model, rounds: 1, seeds: [0, 1], params },
    experiments: { A: {} },
  };
  await writeFile(join(folder, 'pipeline.json'), JSON.stringify(content));
  return openStudy({ pipeline: join(folder, 'pipeline.json'), cache: join(folder, 'cache') });
}

/** Stages by what is to become of their nodes. */
async function states(model: string): Promise<string[]> {
  return (await (await study(model)).plan()).map(({ stage, state }) => `${stage} ${state}`).sort();
}

test('nothing of it is kept but what it is: moved, everything is cached; gone or changed, it is named', async () => {
  const { failures } = await (await study('mine')).run({ jobs: 1 });
  expect(failures).toEqual([]);
  // By magnitude both seeds prune alike.
  const cached = ['init cached', 'load-pretrained cached', 'prune cached'];
  expect(await states('mine')).toEqual(cached);
  // Masks and reports: a model of 4,816 weights would be 19 kB, and its record holds no path.
  const artifacts = await readdir(join(folder, 'cache/artifacts'), { recursive: true, withFileTypes: true });
  expect(artifacts.filter((entry) => entry.isFile()).length).toBeLessThanOrEqual(3);
  const records = await (await study('mine')).records(['stage=load-pretrained']);
  expect(JSON.stringify(records)).not.toContain(join(folder, 'models'));

  // How its configuration is written makes no difference; what it says does.
  const config = join(folder, 'models/mine/config.json');
  const values = JSON.parse(await readFile(config, 'utf8')) as Record<string, unknown>;
  await writeFile(config, JSON.stringify(Object.fromEntries(Object.entries(values).reverse()), null, 7));
  expect(await states('mine')).toEqual(cached);
  await writeFile(config, JSON.stringify({ ...values, rms_norm_eps: 1e-3 }));
  expect((await states('mine')).filter((state) => state.endsWith(' cached'))).toEqual([]);
  await writeFile(config, JSON.stringify(values));

  const elsewhere = join(folder, 'else where');
  await rename(join(folder, 'models/mine'), elsewhere);
  expect(await states(elsewhere)).toEqual(cached);
  // Another pruning reads the model at its new place.
  await rm(join(folder, 'cache/records'), { recursive: true });
  expect((await (await study(elsewhere)).run({ jobs: 1 })).failures).toEqual([]);

  await rm(join(elsewhere, 'model-00001-of-00002.safetensors'));
  const missing = await (await study(elsewhere)).run({ jobs: 1 });
  expect(JSON.stringify(missing)).toContain('else where/model-00001-of-00002.safetensors');
});

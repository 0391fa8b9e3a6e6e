/** Another model, of another family, needs no change of the study but the model's name. */
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';

const name = 'tiny-gpt2';
let checkout: string;
beforeAll(async () => {
  checkout = await mkdtemp(join(tmpdir(), 'swp-checkout-'));
  for (const part of ['bin', 'build', 'schemas', 'src', 'stages', 'package.json', 'package-lock.json']) await cp(join(packageRoot, part), join(checkout, part), { recursive: true });
  await symlink(join(packageRoot, 'node_modules'), join(checkout, 'node_modules'));
  const config = { family: 'gpt2', corpus: 'marker-retrieval', layers: 1, width: 16, heads: 2, feedForward: 32, vocabulary: 64, positions: 64, normEpsilon: 1e-5 };
  await mkdir(join(checkout, 'models', name), { recursive: true });
  await writeFile(join(checkout, 'models', name, 'config.json'), JSON.stringify(config));
});
afterAll(() => rm(checkout, { recursive: true }));

async function swp(study: unknown, ...args: string[]) {
  await writeFile(join(checkout, 'pipeline.json'), JSON.stringify(study));
  return execa(process.execPath, [join(checkout, 'bin/swp.js'), ...args], { cwd: checkout, reject: false, env: { NO_COLOR: '1' } });
}

test('the committed study runs on it', async () => {
  const pretraining = { name: 'pretraining', dag: [{ step: 'init', stage: 'init' }], experiments: { M: { model: name, seeds: [0], rounds: 0, params: { init: { scheme: 'original' } } } } };
  await swp(pretraining, 'repro');
  const { artifacts } = JSON.parse((await swp(pretraining, 'show', 'stage=init', '--json')).stdout) as { artifacts: { weights: string } };
  await cp(artifacts.weights, join(checkout, 'models', name, 'seed-0.safetensors'));

  const study = JSON.parse(await readFile(join(packageRoot, 'pipeline.json'), 'utf8')) as { defaults: object };
  const { stdout, exitCode } = await swp({ ...study, defaults: { ...study.defaults, model: name } }, 'repro', '--profile', 'smoke');
  expect(stdout).toMatch(/(\d+) nodes: 0 cached, \1 ran/);
  expect(exitCode).toBe(0);
  const { nodes } = JSON.parse((await swp({ ...study, defaults: { ...study.defaults, model: name } }, 'show', 'seed=0', '--profile', 'smoke', '--json')).stdout) as { nodes: { params: { model?: string } }[] };
  expect(nodes.length).toBeGreaterThan(20);
  expect(new Set(nodes.flatMap(({ params }) => params.model ?? []))).toEqual(new Set([name]));
});

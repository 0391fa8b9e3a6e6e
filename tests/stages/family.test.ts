/**
 * A decoder family is one file and one line: in a checkout to which a family was added so, a study of a model of that
 * family runs through all stages, which know its tensors by what the family declares, and so does the report.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Evaluation } from '../../src/generated/evaluation.ts';
import type { PlantedSpikes } from '../../src/generated/planted-spikes.ts';
import type { Pruning } from '../../src/generated/pruning.ts';
import type { SuperWeightReport } from '../../src/generated/super-weights.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { readMasks } from '../../src/model/mask-file.ts';
import { Checkout } from '../support/checkout.ts';
import { parallel } from './parallel-family.ts';
import { readWeights } from '../support/read-weights.ts';

const MODEL = 'side-by-side';
const KINDS = ['shrink', 'grow', 'tell', 'ask'];
const BLOCKS = ['a', 'b'].flatMap((letter) => KINDS.map((kind) => `floor-${letter}:${kind}`));
/** How the family draws its matrices. */
const DEVIATIONS: Record<string, number> = { shrink: 0.01, grow: 0.05, tell: 0.01, ask: 0.05, letters: 0.2 };

let checkout: Checkout;
beforeAll(async () => {
  checkout = await Checkout.create();
  await checkout.write('src/model/decoder/parallel.ts', await familyModule());
  const families = await readFile(join(packageRoot, 'src/model/decoder/families.ts'), 'utf8');
  await checkout.write('src/model/decoder/families.ts', `${families}export { parallel } from './parallel.ts';\n`);
  const size = { corpus: 'marker-retrieval', layers: 2, width: 16, heads: 2, vocabulary: 64, sequence: 64 } as const;
  await checkout.write(`models/${MODEL}/config.json`, parallel.ofSize(size));
  await checkout.write('pipeline.json', await study());
  const { exitCode, stderr, stdout } = await checkout.swp('repro');
  expect(`${stdout}\n${stderr}`).toContain('Report: ');
  expect(exitCode).toBe(0);
}, 300_000);
afterAll(() => checkout.remove());

it('initialises every matrix with the deviation that the family declares', async () => {
  const weights = await readWeights((await artifacts('init')).weights!);
  expect([...weights.keys()]).toEqual([...BLOCKS, 'letters']);
  for (const [name, { data }] of weights) {
    const deviation = Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);
    expect(deviation / DEVIATIONS[name.split(':').at(-1)!]!, name).toBeCloseTo(1, 0);
  }
});

it('prunes the block matrices by default, and names their kinds', async () => {
  const { pruning, mask } = await artifacts('prune');
  expect([...(await readMasks(mask!)).keys()]).toEqual(BLOCKS);
  const { tensors, kinds } = await json<Pruning>(pruning!);
  expect(tensors.map(({ tensor, kind }) => [tensor, kind])).toEqual(BLOCKS.map((name) => [name, name.split(':')[1]]));
  expect(kinds.map(({ kind }) => kind)).toEqual(KINDS);
});

it('counts the zeros of the block matrices alone in the sparsity', async () => {
  expect((await json<Evaluation>((await artifacts('eval-pruned')).evaluation!)).sparsity).toBeCloseTo(0.25, 3);
});

it('seeks super weights in the down projections', async () => {
  const { candidates, prunableWeights } = await json<SuperWeightReport>(
    (await artifacts('detect-start')).superWeights!,
  );
  expect(candidates.map(({ coordinate: { tensor, layer } }) => [tensor, layer])).toEqual([
    ['floor-a:shrink', 0],
    ['floor-b:shrink', 1],
  ]);
  expect(prunableWeights).toBe(2 * (4 * 16 * 16 + 2 * 16 * 48));
});

it('plants spikes in random models, where the detector finds them', async () => {
  const { models } = await json<PlantedSpikes>((await artifacts('plant')).planted!);
  expect(models.map(({ family }) => family)).toEqual(['parallel']);
  expect(models[0]!.planted.map(({ strength, located }) => [strength, located])).toEqual([[64, true]]);
});

it('the report calls the tensors what the family calls them', async () => {
  const report = (name: string) => readFile(join(checkout.root, 'report/all', name), 'utf8');
  const [survival, composition, overlap, glance] = await Promise.all(
    ['1-survival.html', 'figures/1g-composition.csv', 'figures/1i-mask-tensors.svg', 'figures/0-at-a-glance.csv'].map(
      report,
    ),
  );
  expect(survival).toMatch(/layer [01] shrink \[\d+, \d+\]/);
  for (const kind of KINDS) expect(composition).toContain(`,${kind},`);
  for (const name of ['0 shrink', '1 ask']) expect(overlap).toContain(`>${name}<`);
  expect(glance).toMatch(/floor-[ab]:/);
});

it('an unknown family, and a field that the family does not have, are told with what there is', async () => {
  const config = await json<object>(join(checkout.root, `models/${MODEL}/config.json`));
  await checkout.write(`models/${MODEL}/config.json`, { ...config, family: 'serial' });
  expect((await checkout.swp('status')).stdout).toMatch(
    /"serial" is no family of decoders\.[^]*Expected: .*"gpt2".*"parallel"/,
  );
  await checkout.write(`models/${MODEL}/config.json`, { ...config, sharpness: 0 });
  expect((await checkout.swp('status')).stdout).toMatch(
    /config\.json:\d+:\d+ blocked: 0 is not possible here\.[^]*Expected: a number, more than 0\./,
  );
});

/** The family's file as it would stand beside the others. */
async function familyModule(): Promise<string> {
  const file = await readFile(join(packageRoot, 'tests/stages/parallel-family.ts'), 'utf8');
  return file.replaceAll("'../../src/model/decoder/", "'./").replaceAll("'../../src/", "'../../");
}

/** Thresholds that some weight of an untrained model passes, so that the report has one to name. */
const LEAST = { spikeRatio: 1, minimumEffect: 1e-7, controlFactor: 1, controlsPerKind: 1 };

/** The study that CONTRIBUTING.md gives for a new family, and a trial with a planted spike. */
async function study(): Promise<object> {
  const { dag, defaults, ...rest } = await json<Study>(join(packageRoot, 'tests/stages/from-scratch.pipeline.json'));
  const plant = { families: ['parallel'], layers: [1], widths: [16], schemes: ['original'], strengths: [64] };
  const { params } = defaults;
  return {
    ...rest,
    dag: [...dag, { step: 'plant', stage: 'plant-spikes', params: plant }],
    defaults: {
      ...defaults,
      model: MODEL,
      params: { ...params, 'detect-sw': { ...params['detect-sw'], ...LEAST } },
    },
  };
}

interface Study {
  dag: object[];
  defaults: { model: string; params: Record<string, object> };
}

async function artifacts(step: string): Promise<Record<string, string>> {
  const { stdout } = await checkout.swp('show', `step=${step}`, 'seed=0', '--json');
  return (JSON.parse(stdout) as { artifacts: Record<string, string> }).artifacts;
}

async function json<Content>(path: string): Promise<Content> {
  return JSON.parse(await readFile(path, 'utf8')) as Content;
}

/** Defaults that follow the model's size: of a large model what it can afford, of a small one what there always was. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { StageLoader } from '../../src/engine/stage-loader.ts';
import { parseStudyFile } from '../../src/pipeline/study-file.ts';
import { resolveStudy } from '../../src/pipeline/study.ts';
import { runOf } from './study-of.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'swp-large-'));
  await model('small', 64);
  await model('large', 250_000); // times a width of 48 is 12 million
});
afterAll(() => rm(root, { recursive: true }));

async function model(name: string, vocabulary: number): Promise<void> {
  const config = { family: 'llama', layers: 1, width: 48, heads: 2, feedForward: 96, vocabulary };
  await mkdir(join(root, name));
  await writeFile(
    join(root, name, 'config.json'),
    JSON.stringify({ ...config, corpus: 'marker-retrieval', ropeTheta: 10_000, normEpsilon: 1e-6 }),
  );
}

/** The parameters of a step of the only experiment. */
async function paramsOf(step: string, defaults: object, experiment: object = {}): Promise<Record<string, unknown>> {
  const study = { name: 'sizes', dag: 'standard', defaults, experiments: { arm: experiment } };
  const file = parseStudyFile(join(root, 'pipeline.json'), JSON.stringify(study));
  const resolved = await resolveStudy(file, { loader: StageLoader.installed() });
  return runOf(resolved, 'arm').get(step)!.params;
}

test('a large model has defaults of its own, a small one those of the built-in models', async () => {
  const large = { sequences: 80, batchSize: 4, sequenceLength: 128 };
  expect(await paramsOf('eval-trained@1', { model: './large' })).toMatchObject(large);
  expect(await paramsOf('eval-trained@1', { model: './small' })).toEqual({
    ...(await paramsOf('eval-trained@1', {})),
    model: './small',
  });
  expect(await paramsOf('eval-trained@1', {})).toMatchObject({ sequences: 2048, batchSize: 64, sequenceLength: 64 });
  expect(await paramsOf('train@1', { model: './large' })).toMatchObject({
    steps: 30,
    batchSize: 2,
    learningRate: 1e-4,
  });
});

test('a value that a study gives always wins, and the model may come from anywhere', async () => {
  const given = { model: './large', params: { eval: { sequences: 2048 } } };
  expect(await paramsOf('eval-trained@1', given)).toMatchObject({ sequences: 2048, batchSize: 4 });
  expect(await paramsOf('eval-trained@1', {}, { model: './large' })).toMatchObject({ sequences: 80 });
  expect(await paramsOf('eval-trained@1', { params: { eval: { model: './large' } } })).toMatchObject({ sequences: 80 });
  expect(await paramsOf('eval-trained@1', { model: './large', params: { eval: { model: './small' } } })).toMatchObject({
    sequences: 2048,
  });
});

test('a model that is not there has the defaults of small ones: what is wrong is told elsewhere', async () => {
  expect(await paramsOf('eval-trained@1', { model: './none' })).toMatchObject({ sequences: 2048 });
});

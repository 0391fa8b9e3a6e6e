/**
 * What a stage makes in a worker that has trained, detected and evaluated before, and in a new one: the same bytes,
 * also of weights that are subnormal numbers, which a library may switch off for the whole thread.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { installedBuild } from '../../src/base/installed-build.ts';
import type { JsonObject } from '../../src/base/json.ts';
import { Graph } from '../../src/compute/graph/graph.ts';
import { lowerToOnnx } from '../../src/compute/runtimes/onnx/lowering.ts';
import { readVirtualFile } from '../../src/base/virtual-file.ts';
import { execute } from '../../src/engine/executor.ts';
import { GpuSlots } from '../../src/engine/executors/local/gpu-slots.ts';
import { LocalExecutor } from '../../src/engine/executors/local/local-executor.ts';
import { tensorsOf } from '../../src/model/decoder/family-of.ts';
import { readModelConfig } from '../../src/model/model-config.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { readMasks, writeMasks } from '../../src/model/mask-file.ts';
import { initialise } from '../../src/science/initialisation.ts';

const MODEL = 'marker-retrieval';
const QUERY = 'model.layers.0.self_attn.q_proj.weight';
/** Half of them are to be pruned: the last ones, which are the smallest. */
const SUBNORMALS = 200;
let folder: string;
let files: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-warm-'));
  const weights = initialise(tensorsOf(await readModelConfig(MODEL)), 'original', 7);
  const { shape, data } = weights.get(QUERY)!;
  for (let index = 0; index < SUBNORMALS; index++) data[index] = (SUBNORMALS - index) * 2 ** -140;
  files = { weights: join(folder, 'weights'), mask: join(folder, 'mask'), optimizer: join(folder, 'optimizer') };
  await writeSafetensors(files.weights!, weights);
  const mask = { shape, data: Uint8Array.from(data, (_, index) => index % 2) };
  await writeMasks(files.mask!, new Map([[QUERY, mask]]));
  const moments = [...weights].flatMap(([name, { shape, data }]) =>
    ['first', 'second'].map((kind): [string, typeof mask | { shape: number[]; data: Float32Array }] => [
      `${kind}.${name}`,
      { shape, data: data.map((_, index) => (index % 3) * 2 ** -135) },
    ]),
  );
  await writeSafetensors(files.optimizer!, new Map(moments), { updates: '5' });
});
afterAll(() => rm(folder, { recursive: true }));

const SMALL = { batchSize: 4, sequenceLength: 16, seed: 1 };
const TRAIN = { ...SMALL, steps: 2, optimizerState: 'keep', warmupSteps: 0 };
const WEIGHTS = { weights: 'weights' };
const JOBS: [stage: string, params: JsonObject, inputs: Record<string, string>][] = [
  ['train', TRAIN, { weights: 'weights', optimizer: 'optimizer', mask: 'mask' }],
  ['eval', { ...SMALL, sequences: 8 }, WEIGHTS],
  ['detect-sw', { ...SMALL, candidateSequences: 4, causalSequences: 4 }, WEIGHTS],
  ['prune', { scope: 'layerwise', coordinates: [], prunable: [QUERY], fraction: 100 / 48 ** 2, seed: 1 }, WEIGHTS],
  ['rewind', { to: 'init', mask: 'shuffle', seed: 1 }, { mask: 'mask', init: 'weights' }],
  ['init', { scheme: 'pretrained', seed: 1 }, { pretrained: 'weights' }],
  ['load-pretrained', { checkpoint: 0 }, {}],
  ['plant-spikes', { layers: [1], widths: [8], schemes: ['original'], strengths: [10], ...SMALL }, {}],
];

function openExecutor(): LocalExecutor {
  return new LocalExecutor({ jobs: 1, gpus: new GpuSlots({ choice: 'none' }) });
}

let outputs = 0;
/** Runs a job and reads what it wrote. */
async function run(executor: LocalExecutor, module: string, params: JsonObject, inputs: Record<string, string>) {
  const { default: stage } = (await import(module)) as {
    default: { params: { properties?: Record<string, { default?: unknown }> }; outputs: Record<string, unknown> };
  };
  const defaults = Object.fromEntries(
    Object.entries(stage.params.properties ?? {}).flatMap(([name, property]) =>
      'default' in property ? [[name, property.default]] : [],
    ),
  ) as JsonObject;
  const out = join(folder, `job-${outputs++}`);
  await mkdir(out);
  const paths = Object.fromEntries(Object.keys(stage.outputs).map((name) => [name, join(out, name)]));
  const outcome = await execute(
    executor,
    { place: 'A1/s0/r1/step', resources: { cpus: 1, gpus: 0 } },
    { module, root: out, params: { ...defaults, ...params }, inputs, gathered: {}, outputs: paths },
  );
  expect(outcome).toMatchObject({ kind: 'done' });
  return Object.fromEntries(
    await Promise.all(
      Object.entries(paths).map(async ([name, path]) => {
        const virtual = await readVirtualFile(path); // its parts have other paths in each job
        return [name, virtual === undefined ? await readFile(path) : Buffer.from(virtual.sha256)] as const;
      }),
    ),
  );
}

const runStage = (executor: LocalExecutor, [stage, params, inputs]: (typeof JOBS)[number]) =>
  run(
    executor,
    join(installedBuild, 'stages', `${stage}.js`),
    params,
    Object.fromEntries(Object.entries(inputs).map(([name, file]) => [name, files[file]!])),
  );

it('a stage makes the same bytes in a new worker and in one that has run all the others', async () => {
  await using warm = disposable(openExecutor());
  for (const job of JOBS) await runStage(warm.executor, job);
  const runAlone = async (job: (typeof JOBS)[number]) => {
    await using fresh = disposable(openExecutor());
    return await runStage(fresh.executor, job);
  };
  for (const job of JOBS) {
    const [made, again] = [await runAlone(job), await runStage(warm.executor, job)];
    for (const [name, bytes] of Object.entries(made))
      expect(bytes.equals(again[name]!), `${name} of ${job[0]}`).toBe(true);
    if (job[0] !== 'prune') continue;
    await writeFile(join(folder, 'made-mask'), made.mask!);
    const { data } = (await readMasks(join(folder, 'made-mask'))).get(QUERY)!;
    expect([...data.subarray(0, SUBNORMALS)]).toEqual([...Array(100).fill(1), ...Array(100).fill(0)]);
  }
}, 60_000);

it('a worker whose stage has changed the arithmetic of its thread by a library of its own takes no other job', async () => {
  const graph = new Graph();
  graph.output('y', graph.exp(graph.input('x', [1])));
  const model = join(folder, 'model.onnx');
  await writeFile(model, lowerToOnnx(graph));
  const module = join(folder, 'own.mjs');
  await writeFile(
    module,
    `
    import { createRequire } from 'node:module';
    import { writeFile } from 'node:fs/promises';
    const numbers = Float64Array.of(Number.MIN_VALUE, 1);
    export default {
      name: 'own', summary: '', params: {}, inputs: { model: { summary: '', optional: true } },
      outputs: { product: { summary: '', file: 'product' } },
      async run(job) {
        if (job.params.flush) {
          const { InferenceSession } = createRequire(${JSON.stringify(import.meta.url)})('onnxruntime-node');
          await InferenceSession.create(job.input('model'), { extra: { session: { set_denormal_as_zero: '1' } } });
        }
        await writeFile(job.output('product'), String(numbers[0] * numbers[1]));
        return {};
      },
    };`,
  );
  await using own = disposable(openExecutor());
  const product = async (flush: boolean) => String((await run(own.executor, module, { flush }, { model })).product);
  expect([await product(false), await product(true), await product(false)]).toEqual(['5e-324', '0', '5e-324']);
});

function disposable(executor: LocalExecutor) {
  return { executor, [Symbol.asyncDispose]: () => executor.close() };
}

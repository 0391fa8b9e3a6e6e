/** swp export: the file is the graph that runs, with names and notes; what it costs stands beside it. */
import { readFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type * as OnnxRuntime from 'onnxruntime-node';
import { beforeAll, describe, expect, test } from 'vitest';
import { gradients } from '../../src/compute/autodiff/gradients.ts';
import { countMatmulFlops } from '../../src/compute/graph/flops.ts';
import { Graph } from '../../src/compute/graph/graph.ts';
import { countMemory } from '../../src/compute/graph/memory.ts';
import { elementCount } from '../../src/base/element-count.ts';
import { graphHash } from '../../src/compute/runtimes/onnx/graph-hash.ts';
import { lowerToOnnx } from '../../src/compute/runtimes/onnx/lowering.ts';
import { usableOnnxPackage } from '../../src/compute/runtimes/onnx/onnx-package.ts';
import { openSession } from '../../src/compute/runtimes/open-session.ts';
import { CPU_TARGET, type TensorData } from '../../src/compute/runtimes/runtime.ts';
import { buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import { readModelConfig } from '../../src/model/model-config.ts';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

interface Exported {
  file: string;
  graph: string;
  flops: number;
  operations: number;
  memory: Record<string, number>;
  inputs: { name: string; shape: number[]; dtype: string }[];
  outputs: { name: string }[];
  nodes: string[];
}

/** As tinyStudy() trains. */
const SHAPE = { batch: 2, sequence: 8 };
const trainingGraph = async () => buildTrainingGraph(await readModelConfig('marker-retrieval'), SHAPE).graph;

let runtime: typeof OnnxRuntime;
beforeAll(async () => {
  await openSession(await trainingGraph(), CPU_TARGET); // sets what must be set before the library is loaded
  runtime = createRequire(import.meta.url)(usableOnnxPackage()) as typeof OnnxRuntime; // the copy that swp has loaded
});

describe('names', () => {
  function product(name: string): Graph {
    const graph = new Graph();
    const x = graph.input('x', [4, 4]);
    const y = graph.scope(name, () => graph.scope('inner', () => graph.matmul(x, graph.exp(x))));
    const loss = graph.sum(graph.add(y, y), [0, 1]);
    graph.output('gradient', gradients(graph, loss, [x])[0]!);
    return graph;
  }
  const description = { producerVersion: '1', text: '', metadata: {} };

  test('enter no key: the graph that is executed has none', () => {
    expect(graphHash(product('a'))).toBe(graphHash(product('b')));
    expect(lowerToOnnx(product('a'), description)).not.toEqual(lowerToOnnx(product('b'), description));
  });

  test('are module/operation, and backward/ before it for what belongs to the gradient', () => {
    const file = Buffer.from(lowerToOnnx(product('model.mlp'), description)).toString('latin1');
    for (const name of ['model.mlp/inner/Gemm', 'model.mlp/inner/Exp', 'backward/model.mlp/inner/Gemm_1'])
      expect(file).toContain(name);
  });

  test('are given once, however often a module does the same', async () => {
    const graph = new Graph();
    let x = graph.input('x', [4]);
    for (let index = 0; index < 3; index++) x = graph.scope('again', () => graph.exp(x));
    graph.output('y', x);
    // refuses names that occur twice
    const session = await runtime.InferenceSession.create(lowerToOnnx(graph, description));
    const { y } = await session.run({ x: new runtime.Tensor('float32', new Float32Array(4), [4]) });
    expect((y!.data as Float32Array)[0]).toBeCloseTo(Math.exp(Math.E), 4);
  });
});

describe('swp export', () => {
  test('writes the training step: ONNX Runtime opens it, and it computes what training computes', async () => {
    const project = await SwpProject.create(tinyStudy());
    const { exitCode, json, stderr } = await project.swp(
      'export',
      '--graph',
      'stage=train',
      'experiment=A1',
      '--output',
      'step.onnx',
      '--json',
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const [exported] = json<Exported>();
    const graph = await trainingGraph();
    expect(exported).toMatchObject({
      file: project.path('step.onnx'),
      stage: 'train',
      pass: 'training',
      model: 'marker-retrieval',
      ...SHAPE,
      graph: graphHash(graph),
      flops: countMatmulFlops(graph),
      memory: countMemory(graph),
    });
    expect(exported!.nodes).toHaveLength(2); // one of round 1, one of the final training: both run this graph

    const session = await runtime.InferenceSession.create(exported!.file);
    expect(session.inputNames).toEqual([...graph.inputs.keys()]);
    expect(session.outputNames).toEqual([...graph.outputs.keys()]);
    const trained = await openSession(graph, CPU_TARGET);
    const feeds: Record<string, OnnxRuntime.Tensor> = {};
    for (const { name, shape, dtype } of exported!.inputs) {
      const length = elementCount(shape);
      const data: TensorData =
        dtype === 'int32'
          ? Int32Array.from({ length }, (_, index) => index % 64)
          : Float32Array.from({ length }, (_, index) => 0.1 * Math.sin(index + length));
      trained.feed(name, data);
      feeds[name] =
        data instanceof Int32Array
          ? new runtime.Tensor('int32', data, shape)
          : new runtime.Tensor('float32', data, shape);
    }
    const [results, expected] = [await session.run(feeds), await trained.run()];
    expect(expected.loss![0]).toBeGreaterThan(1);
    for (const [name, numbers] of Object.entries(expected)) {
      const largest = Math.max(1e-6, ...Array.from(numbers, Math.abs));
      (results[name]!.data as Float32Array).forEach((value, index) => {
        if (!(Math.abs(value - numbers[index]!) <= 1e-5 * largest))
          expect.fail(`${name}[${index}] is ${value}, not ${numbers[index]}`);
      });
    }
  });

  test('names nodes by module, and says for people what the step costs', async () => {
    const project = await SwpProject.create(tinyStudy());
    const { exitCode, stdout } = await project.swp('export', '--graph', 'stage=train');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^A training step of marker-retrieval, batch 2 x 8: loss and gradients \(\d+ operations\)\.\n[\d.]+ MFLOP per step, 302 kB parameters, 302 kB gradients, [\d.]+ kB activations\nWritten: .+\/train\.onnx \([\d.]+ kB\)\. https:\/\/netron\.app shows it\.$/,
    );
    const file = await readFile(project.path('train.onnx'), 'latin1');
    for (const name of [
      'model.layers.0.self_attn/',
      'backward/model.layers.2.mlp',
      'backward/model.layers.0.self_attn/',
    ])
      expect(file).toContain(name);
    expect(file).toContain('A training step of marker-retrieval');
  });

  test('of a step in micro-batches is the graph of one of them', async () => {
    const study = tinyStudy();
    study.defaults.params.train = { steps: 2, batchSize: 4, microBatchSize: 2, sequenceLength: 8 };
    const project = await SwpProject.create(study);
    const [exported] = (await project.swp('export', '--graph', 'stage=train', '--json')).json<Exported>();
    expect(exported).toMatchObject({ ...SHAPE, microBatches: 2, graph: graphHash(await trainingGraph()) });
    const { stdout } = await project.swp('export', '--graph', 'stage=train');
    expect(stdout).toMatch(
      /^One of the 2 micro-batches of a training step of marker-retrieval, batch 2 x 8: .+\n[\d.]+ MFLOP per micro-batch,/,
    );
  });

  test('of an evaluation is a forward pass', async () => {
    const project = await SwpProject.create(tinyStudy());
    const [exported] = (await project.swp('export', '--graph', 'step=eval', 'round=1', '--json')).json<Exported>();
    expect(exported).toMatchObject({
      file: project.path('eval.onnx'),
      stage: 'eval',
      pass: 'forward',
      batch: 8,
      sequence: 32,
    });
    expect(exported!.outputs.map(({ name }) => name)).toEqual(['losses', 'predictions']);
    const file = await readFile(exported!.file, 'latin1');
    expect(file).not.toContain('backward/');
  });

  test('of nodes with different graphs: 2, and which there are', async () => {
    const project = await SwpProject.create(tinyStudy());
    const { exitCode, stdout, stderr } = await project.swp('export', '--graph', 'experiment=A1');
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `error: The selected nodes run 2 different graphs:
      train of marker-retrieval, batch 2 x 8: such as A1 seed 0 round 1 train
      eval of marker-retrieval, batch 8 x 32: such as A1 seed 0 round 1 eval
  Expected: a selector for one of them.`,
    });
    expect(await readdir(project.root)).not.toContain('train.onnx');
  });

  test.each([
    [
      ['--graph', 'stage=prune'],
      'error: None of the selected nodes runs a graph.\n  Expected: a node of train, eval or detect-sw.',
    ],
    [['--graph', 'stage=trian'], 'No node of this profile has stage=trian.\n  Did you mean "train"?'],
    [[], "error: required option '--graph <selectors...>' not specified"],
  ])('swp export %j: 2', async (args, text) => {
    const project = await SwpProject.create(tinyStudy());
    const { exitCode, stderr, stdout } = await project.swp('export', ...args);
    expect(stderr).toContain(text);
    expect(stdout).toBe('');
    expect(exitCode).toBe(2);
  });
});

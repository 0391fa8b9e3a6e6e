/** The count of memory behind every estimate, against numbers counted by hand. */
import { expect, it } from 'vitest';
import { gradients } from '../../src/compute/autodiff/gradients.ts';
import { Graph } from '../../src/compute/graph/graph.ts';
import { countMemory } from '../../src/compute/graph/memory.ts';
import { buildForwardGraph, buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import { readModelConfig } from '../../src/model/model-config.ts';

it('counts inputs by kind, constants and outputs: four bytes an element', () => {
  const graph = new Graph();
  const table = graph.input('table', [10, 3]);
  const index = graph.input('index', [5], 'int32');
  const rows = graph.add(graph.gatherRows(table, index), graph.constant(new Float32Array(3), [3]));
  graph.output('rows', rows);
  graph.output('rows again', rows);
  expect(countMemory(graph)).toEqual({ parameters: 120, indices: 20, constants: 12, outputs: 120, activations: 60 });
});

it('a chain holds two values at a time: the one being computed and the one it is computed from', () => {
  const graph = new Graph();
  let x = graph.input('x', [100]);
  for (let step = 0; step < 10; step++) x = graph.exp(x);
  graph.output('x', x);
  expect(countMemory(graph).activations).toBe(2 * 400);
});

it('a value lives until its last use', () => {
  const graph = new Graph();
  const kept = graph.exp(graph.input('x', [100]));
  let other = kept;
  for (let step = 0; step < 10; step++) other = graph.sigmoid(other);
  graph.output('sum', graph.add(kept, other));
  expect(countMemory(graph).activations).toBe(3 * 400);
});

it('a view costs nothing, and keeps alive what it shows', () => {
  const graph = new Graph();
  const wide = graph.exp(graph.input('x', [4, 25]));
  const view = graph.reshape(graph.reshape(wide, [100]), [10, 10]);
  const product = graph.matmul(view, view); // 400 bytes beside the 400 of `wide`
  const total = graph.sum(product, [0, 1]); // 4 bytes; `wide` is still to be read
  graph.output('y', graph.mul(total, view));
  expect(countMemory(graph).activations).toBe(400 + 400 + 4);
});

it('a view of an input, and what is computed straight into an output, are no activations', () => {
  const graph = new Graph();
  graph.output('y', graph.exp(graph.reshape(graph.input('x', [4, 4]), [16])));
  expect(countMemory(graph)).toMatchObject({ parameters: 64, outputs: 64, activations: 0 });
});

it('what no output needs is not counted', () => {
  const graph = new Graph();
  const x = graph.input('x', [100]);
  graph.exp(graph.input('unused', [1000]));
  graph.output('y', graph.exp(x));
  expect(countMemory(graph)).toEqual({ parameters: 400, indices: 0, constants: 0, outputs: 400, activations: 0 });
});

it('a gradient needs what the forward pass left', () => {
  const graph = new Graph();
  const x = graph.input('x', [100]);
  const depth = 8;
  let y = x;
  for (let step = 0; step < depth; step++) y = graph.exp(y); // every result is read again by its own gradient
  const loss = graph.sum(y, [0]);
  graph.output('loss', loss);
  graph.output('gradient', gradients(graph, loss, [x])[0]!);
  const { activations, outputs } = countMemory(graph);
  expect(outputs).toBe(4 + 400);
  expect(activations).toBeGreaterThanOrEqual(depth * 400);
  expect(activations).toBeLessThanOrEqual((depth + 2) * 400);
});

it('of a training step: parameters once, their gradients and the loss, and more activations than the forward pass', async () => {
  const config = await readModelConfig('marker-retrieval');
  const shape = { batch: 16, sequence: 64 };
  const training = countMemory(buildTrainingGraph(config, shape).graph);
  const forward = countMemory(buildForwardGraph(config, shape, ['losses']));
  expect(training.parameters).toBe(forward.parameters);
  expect(training.outputs).toBe(training.parameters + 4);
  expect(training.indices).toBe(2 * 4 * 16 * 64);
  expect(training.activations).toBeGreaterThan(3 * forward.activations);
});

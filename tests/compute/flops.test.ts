/** The count of arithmetic behind every speed and every estimate. */
import { expect, it } from 'vitest';
import { countMatmulFlops } from '../../src/compute/graph/flops.ts';
import { Graph } from '../../src/compute/graph/graph.ts';
import { buildForwardGraph, buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import { readModelConfig } from '../../src/model/model-config.ts';

it('counts 2 m n k for every orientation and batch axis of a product', () => {
  const [batch, m, k, n] = [3, 5, 7, 2];
  for (const transA of [false, true])
    for (const batchA of ['leading', 'inner'] as const) {
      const graph = new Graph();
      const [rows, columns] = transA ? [k, m] : [m, k];
      const a = graph.input('a', batchA === 'leading' ? [batch, rows, columns] : [rows, batch, columns]);
      graph.output('product', graph.matmul(a, graph.input('b', [batch, k, n]), { transA, batchA }));
      expect(countMatmulFlops(graph), `${transA} ${batchA}`).toBe(2 * batch * m * k * n);
    }
});

it('leaves out what no output needs', () => {
  const graph = new Graph();
  const a = graph.input('a', [4, 4]);
  graph.matmul(a, a);
  graph.output('a', a);
  expect(countMatmulFlops(graph)).toBe(0);
});

it('of a training step is three times that of the forward pass', async () => {
  const config = await readModelConfig('marker-retrieval');
  const shape = { batch: 16, sequence: 64 };
  const forward = countMatmulFlops(buildForwardGraph(config, shape, ['losses']));
  const perToken = 2 * config.width * (config.layers * (4 * config.width + 3 * config.feedForward) + config.vocabulary);
  const attention = config.layers * 2 * 2 * shape.sequence * config.width;
  expect(forward).toBe(shape.batch * shape.sequence * (perToken + attention));
  // And one channel more in the gradient of the attention weights: see graph.attend.
  const excess = config.layers * 2 * shape.batch * config.heads * shape.sequence ** 2;
  expect(countMatmulFlops(buildTrainingGraph(config, shape).graph)).toBe(3 * forward + excess);
});

/**
 * The tensorflow runtime: it computes what the onnx runtime computes, and holds no more memory than the graph needs.
 * On TensorFlow.js's backend in JavaScript; on libtensorflow, in tests/real.
 */
import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/compute/graph/graph.ts';
import { elementCount } from '../../src/base/element-count.ts';
import { activate, type Tensor } from '../../src/compute/runtimes/tensorflow/tensorflow-backend.ts';
import { TensorflowSession } from '../../src/compute/runtimes/tensorflow/tensorflow-session.ts';
import { buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import { javascriptBackend } from './javascript-tensorflow.ts';
import { GPT2, LLAMA, trainingFeeds } from './small-decoders.ts';
import { describeTensorflow, feedAll, SHAPE } from './tensorflow-contract.ts';

describeTensorflow('in JavaScript', javascriptBackend);

describe('memory', () => {
  it.each([LLAMA, GPT2])(
    'at its peak is what a $family decoder needs: the values that will be read again',
    async (config) => {
      const { graph } = buildTrainingGraph(config, SHAPE);
      const { tf, name } = javascriptBackend();
      const session = new TensorflowSession(graph, { name, tf: { ...tf, tidy: observedTidy as typeof tf.tidy } });
      let peak = 0;
      // The session computes each operator in a tidy of its own: after it the operands are still there, intermediates
      // no more.
      function observedTidy(operator: () => Tensor): Tensor {
        const result = tf.tidy(operator);
        peak = Math.max(peak, tf.memory().numBytes);
        return result;
      }
      feedAll(session, trainingFeeds(graph));
      await activate(javascriptBackend());
      const before = tf.memory().numBytes;
      await session.run(); // makes the constants
      const constants = tf.memory().numBytes - before;
      peak = 0;
      await session.run();
      await session.release();
      expect(peak - before - constants).toBe(largestLiveSet(graph));
    },
  );

  it('of a chain needs two values, whatever its length', () => {
    const graph = new Graph();
    let value = graph.input('x', [100]);
    for (let link = 0; link < 20; link++) value = graph.exp(graph.affine(value, 0.1));
    graph.output('end', value);
    expect(largestLiveSet(graph)).toBe(2 * 400);
  });
});

/**
 * Bytes, by asking at every operator which values were computed and are read there or later. A view counts as a value
 * of its own here, as it does in TensorFlow.js's figures.
 */
function largestLiveSet(graph: Graph): number {
  const nodes = graph.reachable();
  const values = nodes
    .filter(({ operation }) => operation.op !== 'constant')
    .map(({ output }) => ({
      bytes: 4 * elementCount(output.shape),
      from: nodes.findIndex((node) => node.output === output),
      to: nodes.findLastIndex((node) => node.output === output || node.inputs.includes(output)),
    }));
  const liveAt = (index: number) =>
    values.reduce((total, { bytes, from, to }) => (from <= index && index <= to ? total + bytes : total), 0);
  return Math.max(...nodes.map((_, index) => liveAt(index)));
}

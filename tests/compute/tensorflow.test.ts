/**
 * The tensorflow runtime: it computes what the onnx runtime computes, and holds no more memory than the graph needs.
 */
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/compute/graph/graph.ts';
import { elementCount } from '../../src/base/element-count.ts';
import { openSession } from '../../src/compute/runtimes/open-session.ts';
import {
  CPU_TARGET,
  type ExecutionTarget,
  type GraphSession,
  type TensorData,
} from '../../src/compute/runtimes/runtime.ts';
import { openNativeBackend } from '../../src/compute/runtimes/tensorflow/native-backend.ts';
import {
  activate,
  type Tensor,
  type TensorflowBackend,
} from '../../src/compute/runtimes/tensorflow/tensorflow-backend.ts';
import { findTensorflowPackage } from '../../src/compute/runtimes/tensorflow/tensorflow-package.ts';
import { TensorflowSession } from '../../src/compute/runtimes/tensorflow/tensorflow-session.ts';
import { buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import { javascriptBackend } from './javascript-tensorflow.ts';
import { GPT2, LLAMA, trainingFeeds } from './small-decoders.ts';

const TARGET: ExecutionTarget = { ...CPU_TARGET, engine: 'tensorflow' };
const SHAPE = { batch: 3, sequence: 6 };

const backends: { name: string; backend: () => TensorflowBackend; missing?: boolean }[] = [
  { name: 'in JavaScript', backend: javascriptBackend },
  {
    name: 'on libtensorflow',
    backend: () => openNativeBackend(TARGET),
    missing: !existsSync(findTensorflowPackage()?.addon ?? ''),
  },
];

for (const { name, backend, missing = false } of backends)
  describe.skipIf(missing)(missing ? `${name} (skipped: its native part is not installed)` : name, () => {
    it.each([LLAMA, GPT2])('loss and gradients of a $family decoder are those of the onnx runtime', async (config) => {
      const { graph } = buildTrainingGraph(config, SHAPE);
      const feeds = trainingFeeds(graph);
      const expected = await evaluate(await openSession(graph, CPU_TARGET), feeds);
      const actual = await evaluate(new TensorflowSession(graph, backend()), feeds);
      for (const output of graph.outputs.keys())
        expect(relativeDistance(actual[output]!, expected[output]!), output).toBeLessThan(1e-5);
    });

    it('leaves no tensor behind, however many runs, failed ones included', async () => {
      const { graph } = buildTrainingGraph(LLAMA, SHAPE);
      const feeds = trainingFeeds(graph);
      const { tf } = backend();
      await activate(backend());
      const before = memory(tf);
      const session = new TensorflowSession(graph, backend());
      feedAll(session, feeds);
      await session.run();
      const afterOne = memory(tf);
      for (let run = 0; run < 49; run++) await session.run();
      expect(memory(tf)).toEqual(afterOne);

      // outside
      session.feed('targets', new Int32Array(elementCount(graph.inputs.get('targets')!.shape)).fill(LLAMA.vocabulary));
      session.feed('tokens', new Int32Array(elementCount(graph.inputs.get('tokens')!.shape)).fill(LLAMA.vocabulary));
      await expect(session.run()).rejects.toThrow();
      expect(memory(tf)).toEqual(afterOne);
      await session.release();
      expect(memory(tf)).toEqual(before);
    });
  });

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

function feedAll(session: GraphSession, feeds: Record<string, TensorData>): void {
  for (const [input, data] of Object.entries(feeds)) session.feed(input, data);
}

async function evaluate(session: GraphSession, feeds: Record<string, TensorData>): Promise<Record<string, TensorData>> {
  feedAll(session, feeds);
  const outputs = await session.run();
  await session.release();
  return outputs;
}

function memory(tf: TensorflowBackend['tf']): { tensors: number; bytes: number } {
  const { numTensors, numBytes } = tf.memory();
  return { tensors: numTensors, bytes: numBytes };
}

/** |a - b| / |b|, Euclidean. */
function relativeDistance(actual: TensorData, expected: TensorData): number {
  let [difference, norm] = [0, 0];
  expected.forEach((value, index) => {
    difference += (actual[index]! - value) ** 2;
    norm += value ** 2;
  });
  return Math.sqrt(difference / norm);
}

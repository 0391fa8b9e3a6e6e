/** What the tensorflow runtime computes and holds, on whichever backend of TensorFlow.js. */
import { describe, expect, it } from 'vitest';
import { elementCount } from '../../src/base/element-count.ts';
import { openSession } from '../../src/compute/runtimes/open-session.ts';
import { CPU_TARGET, type GraphSession, type TensorData } from '../../src/compute/runtimes/runtime.ts';
import { activate, type TensorflowBackend } from '../../src/compute/runtimes/tensorflow/tensorflow-backend.ts';
import { TensorflowSession } from '../../src/compute/runtimes/tensorflow/tensorflow-session.ts';
import { buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import { GPT2, LLAMA, trainingFeeds } from './small-decoders.ts';

export const SHAPE = { batch: 3, sequence: 6 };

/** Declares the tests for one backend. */
export function describeTensorflow(name: string, backend: () => TensorflowBackend): void {
  describe(name, () => {
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
}

export function feedAll(session: GraphSession, feeds: Record<string, TensorData>): void {
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

/** Training that computes again what is inside of blocks: the same bits, with less memory. */
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { countMatmulFlops } from '../../src/compute/graph/flops.ts';
import { countMemory } from '../../src/compute/graph/memory.ts';
import { openSession } from '../../src/compute/runtimes/open-session.ts';
import { evaluateReference } from '../../src/compute/runtimes/reference/reference-runtime.ts';
import { CPU_TARGET, type TensorData } from '../../src/compute/runtimes/runtime.ts';
import { buildForwardGraph, buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import { bundle } from '../engine/rig.ts';
import { KINDS_OF_DECODERS, LLAMA, trainingFeeds } from './small-decoders.ts';

/** Tokens that are fewer than twice the width, and more: the graphs of a decoder differ in more than sizes. */
const SHAPES = [
  { batch: 1, sequence: 5 },
  { batch: 3, sequence: 6 },
];

function bitsOf(outputs: Readonly<Record<string, TensorData | Float64Array>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, data]) => [name, Buffer.from(data.slice().buffer).toString('base64')]),
  );
}

describe.each(KINDS_OF_DECODERS)('of a %s', (_, config) => {
  it.each(
    SHAPES.flatMap((shape) => [{}, { logitsAtOnce: 5 * config.vocabulary }].map((options) => ({ shape, options }))),
  )('loss and gradients are the same bits: $shape, $options', async ({ shape, options }) => {
    const [held, again] = await Promise.all(
      [false, true].map(async (recomputes) => {
        const { graph } = buildTrainingGraph(config, shape, { ...options, recomputes });
        const feeds = trainingFeeds(graph);
        const session = await openSession(graph, CPU_TARGET);
        for (const [name, data] of Object.entries(feeds)) session.feed(name, data);
        const computed = { onnx: bitsOf(await session.run()), reference: bitsOf(evaluateReference(graph, feeds)) };
        await session.release();
        return computed;
      }),
    );
    expect(again).toEqual(held);
  });
});

it('costs the forward pass of the blocks, and not that of the head', () => {
  const shape = { batch: 2, sequence: 5 };
  const flops = (recomputes: boolean) => countMatmulFlops(buildTrainingGraph(LLAMA, shape, { recomputes }).graph);
  const forward = countMatmulFlops(buildForwardGraph(LLAMA, shape, ['losses']));
  expect(flops(true)).toBeGreaterThan(flops(false));
  expect(flops(true)).toBeLessThan(flops(false) + forward);
});

it('takes the memory of one block and of what blocks hand on, however many blocks there are', () => {
  const shape = { batch: 2, sequence: 32 };
  const activations = (layers: number, recomputes: boolean) =>
    countMemory(buildTrainingGraph({ ...LLAMA, layers }, shape, { recomputes }).graph).activations;
  const handedOn = 4 * LLAMA.width * shape.batch * shape.sequence;
  const perLayer = (activations(12, true) - activations(4, true)) / 8;
  expect(perLayer).toBeLessThan(2 * handedOn); // and matrices with their gains
  expect((activations(12, false) - activations(4, false)) / 8).toBeGreaterThan(10 * handedOn);
});

it.skipIf(process.platform !== 'linux')('lets ONNX Runtime do with less than half of the memory', async () => {
  const program = await bundle('tests/compute/peak-process.ts');
  const peak = async (...parts: string[]) => Number((await execa(process.execPath, [program, ...parts])).stdout);
  const [held, again] = [await peak('false'), await peak('true')];
  expect(again).toBeLessThan(held / 2);
});

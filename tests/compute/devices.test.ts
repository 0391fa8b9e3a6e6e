/**
 * Devices of ONNX Runtime: what a session asks of them, what is refused and why, and that every dialect computes the
 * same.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compute/autodiff/gradients.ts';
import { Graph } from '../../src/compute/graph/graph.ts';
import { dialectFor } from '../../src/compute/runtimes/onnx/dialect.ts';
import { assertAvailable, explainRefusal } from '../../src/compute/runtimes/onnx/execution-provider.ts';
import { sessionOptions, tf32Override } from '../../src/compute/runtimes/onnx/session-options.ts';
import { graphHash } from '../../src/compute/runtimes/onnx/graph-hash.ts';
import { lowerToOnnx } from '../../src/compute/runtimes/onnx/lowering.ts';
import type { NativeLibraries } from '../../src/compute/runtimes/onnx/native-libraries.ts';
import { openModel, Tensor } from '../../src/compute/runtimes/onnx/open-model.ts';
import { openSession } from '../../src/compute/runtimes/open-session.ts';
import { evaluateReference } from '../../src/compute/runtimes/reference/reference-runtime.ts';
import {
  CPU_TARGET,
  UnavailableTarget,
  type Device,
  type ExecutionTarget,
  type Precision,
} from '../../src/compute/runtimes/runtime.ts';

const PROVIDER = 'libonnxruntime_providers_cuda.so';
const EVERYTHING = ['libcuda.so.1', 'libcudnn.so.9', PROVIDER];

/** A machine with these libraries, where the provider needs others besides. */
function machine(
  found: readonly string[],
  { needed = [], platform = 'linux/x64' }: { needed?: string[]; platform?: string } = {},
): NativeLibraries {
  return {
    platform,
    packageHas: (file) => found.includes(file),
    canLoad: (library) => Promise.resolve(found.includes(library)),
    missingFor: () => Promise.resolve(needed),
  };
}

const target = (device: Device, precision: Precision = 'float32'): ExecutionTarget => ({
  engine: 'onnx',
  device,
  precision,
});

async function refusal(
  of: ExecutionTarget,
  libraries: NativeLibraries,
): Promise<{ message: string; remedy: string } | undefined> {
  try {
    await assertAvailable(of, libraries);
    return undefined;
  } catch (error) {
    if (!(error instanceof UnavailableTarget)) throw error;
    return { message: error.message, remedy: error.remedy };
  }
}

describe('a CUDA target', () => {
  it('is accepted where everything is there', async () => {
    expect(await refusal(target('cuda'), machine(EVERYTHING))).toBeUndefined();
  });

  it.each([
    [
      'the system',
      machine(EVERYTHING, { platform: 'darwin/arm64' }),
      /linux\/x64 only, and this is darwin\/arm64/,
      /webgpu or cpu/,
    ],
    ['the driver', machine([PROVIDER, 'libcudnn.so.9']), /no NVIDIA driver: libcuda.so.1/, /nvidia-smi/],
    [
      'the provider',
      machine(['libcuda.so.1', 'libcudnn.so.9']),
      new RegExp(`lacks ${PROVIDER}`),
      /^swp doctor --install cuda$/,
    ],
    [
      'CUDA',
      machine(EVERYTHING, { needed: ['libcublasLt.so.12', 'libcudart.so.12'] }),
      /^libcublasLt.so.12, libcudart.so.12 are not found$/,
      /apt-get install cuda-libraries-12-9 libcudnn9-cuda-12/,
    ],
    [
      'another CUDA',
      machine(EVERYTHING, { needed: ['libcublas.so.13'] }),
      /^libcublas.so.13 is not found$/,
      /apt-get install cuda-libraries-13-0 libcudnn9-cuda-13/,
    ],
    ['cuDNN', machine(['libcuda.so.1', PROVIDER]), /^libcudnn.so.9 is not found$/, /libcudnn9-cuda-12/],
  ])('is refused where %s is missing, with what would change that', async (_, libraries, message, remedy) => {
    const refused = await refusal(target('cuda'), libraries);
    expect(refused?.message).toMatch(message);
    expect(refused?.remedy).toMatch(remedy);
  });

  it('keeps float32 products from being rounded to TF32 unless that is the declared precision', () => {
    expect(['float32', 'tf32', 'bf16'].map((precision) => tf32Override(precision as Precision))).toEqual([
      '0',
      undefined,
      '0',
    ]);
  });
});

describe('a precision that a device does not have', () => {
  it.each([
    ['cpu', 'tf32'],
    ['cpu', 'bf16'],
    ['webgpu', 'tf32'],
    ['webgpu', 'bf16'],
  ] as const)('%s %s is refused with the device that has it, by the runtime itself', async (device, precision) => {
    const graph = new Graph();
    graph.output('y', graph.exp(graph.input('x', [1])));
    await expect(openSession(graph, target(device, precision))).rejects.toMatchObject({
      name: 'UnavailableTarget',
      message: `precision ${precision} exists on device cuda only`,
      remedy: 'Use device cuda, or precision float32.',
    });
  });
});

describe('what ONNX Runtime says when it refuses', () => {
  it.each([
    [
      'webgpu',
      'Failed to get a WebGPU adapter: No supported adapters',
      [],
      /no Vulkan loader: libvulkan.so.1/,
      /^apt-get install libvulkan1/,
    ],
    [
      'webgpu',
      'Failed to get a WebGPU adapter: No supported adapters',
      ['libvulkan.so.1'],
      /finds no GPU/,
      /vulkaninfo/,
    ],
    [
      'cuda',
      '\nCUDA failure 100: no CUDA-capable device is detected\nmore',
      [],
      /refuses: CUDA failure 100: no CUDA-capable device is detected$/,
      /swp doctor/,
    ],
    [
      'cuda',
      'nodes that are assigned to the default CPU EP, but fallback to CPU EP has been explicitly disabled by the user.',
      [],
      /no kernel for some operator/,
      /device cpu/,
    ],
  ] as const)('%s: %s', async (device, said, found, message, remedy) => {
    const error = await explainRefusal(target(device), new Error(said), machine(found));
    expect(error).toBeInstanceOf(UnavailableTarget);
    expect(error.message).toMatch(message);
    expect((error as UnavailableTarget).remedy).toMatch(remedy);
  });

  it('is a plain error on the CPU, which lacks nothing', async () => {
    expect(await explainRefusal(CPU_TARGET, new Error('broken model'), machine([]))).not.toBeInstanceOf(
      UnavailableTarget,
    );
  });
});

describe('a session', () => {
  it('takes one thread of the CPU, and no GPU session ever falls back to it', () => {
    expect(sessionOptions({ device: 'cpu' })).toEqual({
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'all',
      executionMode: 'sequential',
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      logSeverityLevel: 3,
    });
    for (const device of ['cuda', 'webgpu'] as const) {
      const { extra } = sessionOptions({ device }) as { extra: { session: Record<string, unknown> } };
      expect(extra.session).toMatchObject({ disable_cpu_ep_fallback: '1', use_deterministic_compute: '1' });
    }
    expect(sessionOptions({ device: 'cuda' }).executionProviders).toEqual([{ name: 'cuda', deviceId: 0 }]);
  });
});

/** Every operator that a dialect translates in a way of its own. */
function variety(rows: number): { graph: Graph; feeds: Record<string, Float32Array | Int32Array> } {
  const graph = new Graph();
  const [count, width, heads] = [6, 8, 2];
  const table = graph.input('table', [rows, width]);
  const index = graph.input('index', [count], 'int32');
  const x = graph.gatherRows(table, index);
  const inner = graph.reshape(x, [count / 2, heads, width]);
  const leading = graph.reshape(x, [heads, count / 2, width]);
  const products = (['leading', 'inner'] as const).flatMap((batch) =>
    [false, true].map((transposed) => {
      const operand = batch === 'inner' ? inner : leading;
      return graph.matmul(operand, operand, {
        batchA: batch,
        batchB: batch,
        transA: transposed,
        transB: !transposed,
        alpha: 0.5,
      });
    }),
  );
  const logits = graph.matmul(x, table, { transB: true });
  const mean = graph.sum(logits, [0]);
  const picked = graph.sum(graph.pick(graph.logSoftmax(logits), index), [0]);
  const loss = [...products, mean].reduce(
    (sum, value) =>
      graph.add(
        sum,
        graph.reshape(
          graph.sum(
            value,
            value.shape.map((_, axis) => axis),
          ),
          [1],
        ),
      ),
    picked,
  );
  graph.output('loss', loss);
  graph.output('best', graph.argmax(logits));
  graph.output('gradient', gradients(graph, loss, [table])[0]!);
  const feeds = {
    table: Float32Array.from({ length: rows * width }, (_, i) => Math.sin(1.7 * (i + 1))),
    index: Int32Array.from({ length: count }, (_, i) => (i * i * 3) % rows),
  };
  return { graph, feeds };
}

/** Nodes of one type: field 4 of a NodeProto, which is the tag 0x22, the length and the text. */
function countNodes(file: Uint8Array, type: string): number {
  return (
    Buffer.from(file)
      .toString('latin1')
      .split(`"${String.fromCharCode(type.length)}${type}`).length - 1
  );
}

describe('dialects', () => {
  it.each(['cpu', 'cuda', 'webgpu'] as const)(
    '%s: the translation computes what the reference computes, for narrow and wide tables',
    async (device) => {
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(5, 40, 1100), async (rows) => {
          const { graph, feeds } = variety(rows);
          const session = await openModel(lowerToOnnx(graph, undefined, dialectFor(target(device))), CPU_TARGET);
          const actual = await session.run({
            table: new Tensor('float32', feeds.table as Float32Array, [rows, 8]),
            index: new Tensor('int32', feeds.index as Int32Array, [6]),
          });
          await session.release();
          const expected = evaluateReference(graph, feeds);
          expect([...(actual.best!.data as Int32Array)]).toEqual([...expected.best!]);
          for (const name of ['loss', 'gradient'])
            expected[name]!.forEach((value, i) => expect(actual[name]!.data[i], `${name}[${i}]`).toBeCloseTo(value, 3));
        }),
        { numRuns: 3 },
      );
    },
  );

  it('add to an embedding in a fixed order on devices whose scatter does not', () => {
    const scatters = (device: Device) =>
      countNodes(lowerToOnnx(variety(1100).graph, undefined, dialectFor(target(device))), 'ScatterND');
    expect([scatters('cpu'), scatters('cuda'), scatters('webgpu')]).toEqual([1, 0, 0]);
  });

  it('round the operands of products, and nothing else, for bf16', () => {
    const graph = new Graph();
    const a = graph.input('a', [2, 2]);
    graph.output('sum', graph.sum(graph.matmul(a, a), [0]));
    const casts = (precision: Precision) =>
      countNodes(lowerToOnnx(graph, undefined, dialectFor(target('cuda', precision))), 'Cast');
    expect([casts('float32'), casts('tf32'), casts('bf16')]).toEqual([0, 0, 3]); // two operands and one result
  });

  it('have hashes of their own where they differ, so a key says what was computed', () => {
    const { graph } = variety(40);
    expect(new Set([graphHash(graph), graphHash(graph, 'cpu')]).size).toBe(1);
    expect(new Set((['cpu', 'cuda', 'webgpu'] as const).map((device) => graphHash(graph, device))).size).toBe(3);
    expect(graphHash(graph, 'cuda', 'bf16')).not.toBe(graphHash(graph, 'cuda', 'float32'));
    // the same file; precision is a parameter of its own
    expect(graphHash(graph, 'cuda', 'tf32')).toBe(graphHash(graph, 'cuda', 'float32'));
  });
});

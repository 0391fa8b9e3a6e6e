/**
 * Same machine, same engine: the same bits on the CPU, however ONNX Runtime is called and whatever else happens in the
 * process; and what the calls without copies owe to those who make them. Rounds of training that resume: see
 * tests/model/training-session.test.ts.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Graph } from '../../src/compute/graph/graph.ts';
import { libraryEntries } from '../../src/compute/runtimes/onnx/session-options.ts';
import { lowerToOnnx } from '../../src/compute/runtimes/onnx/lowering.ts';
import { loadOnnxLibrary } from '../../src/compute/runtimes/onnx/onnx-library.ts';
import { ViewingSession } from '../../src/compute/runtimes/onnx/viewing-session.ts';
import type { LlamaConfig } from '../../src/model/decoder/llama.ts';
import { readModelConfig } from '../../src/model/model-config.ts';
import { bundle } from '../engine/rig.ts';
import { descend, GPT2_FEW_TOKENS, GPT2_MANY_TOKENS, type Access, type Descent, type DescentModel } from './descent.ts';
import { LLAMA } from './small-decoders.ts';

const STEPS = 2;
const BUILT_IN: DescentModel = {
  config: (await readModelConfig('marker-retrieval')) as LlamaConfig,
  shape: { batch: 16, sequence: 64 },
};
/** Gains and losses of at most 64 bytes, which JavaScript's heap would hold itself. */
const SMALL: DescentModel = { config: LLAMA, shape: { batch: 2, sequence: 5 } };
const ONE: Access = { threads: 1 };
const TWO: Access = { threads: 2 };

const library = loadOnnxLibrary();

/** Each descent is the same every time, as is tested: once is enough. */
const descents = new Map<string, Promise<Descent>>();
function descent(model: DescentModel, access: Access): Promise<Descent> {
  const identity = JSON.stringify([model, access]);
  const made = descents.get(identity) ?? descend(model, access, STEPS);
  descents.set(identity, made);
  return made;
}

let program: string;
let folder: string;
beforeAll(async () => {
  program = await bundle('tests/compute/descent-process.ts');
  folder = await mkdtemp(join(tmpdir(), 'swp-determinism-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The digest that another process comes to. */
async function elsewhere(
  model: DescentModel,
  access: Access,
  { nodeOptions = [], steps = STEPS }: { nodeOptions?: readonly string[]; steps?: number } = {},
): Promise<string> {
  const { stdout } = await execa(process.execPath, [
    ...nodeOptions,
    program,
    ...[access, steps, model].map((value) => JSON.stringify(value)),
  ]);
  return stdout;
}

const models: [string, DescentModel][] = [
  ['the built-in model', BUILT_IN],
  ['GPT-2 with few tokens', GPT2_FEW_TOKENS],
  ['GPT-2 with many tokens', GPT2_MANY_TOKENS],
];

describe.each(models)('training steps of %s', (_, model) => {
  it('are the same bits through the package and through the library', async () => {
    const { digest } = await descent(model, 'stages');
    expect((await descent(model, 'package')).digest).toBe(digest);
    expect((await descent(model, ONE)).digest).toBe(digest);
  });
});

it('training steps are the same bits in two processes at once as in one alone', async () => {
  const { digest } = await descent(GPT2_FEW_TOKENS, 'stages');
  expect(await Promise.all([1, 2].map(() => elsewhere(GPT2_FEW_TOKENS, 'stages')))).toEqual([digest, digest]);
});

describe('two threads', () => {
  it.each(models.slice(1))('give the bits of one, for %s', async (_, model) => {
    expect((await descent(model, TWO)).digest).toBe((await descent(model, ONE)).digest);
  });

  // Not the bits: the library sums a product's terms in blocks, longer ones where the columns of a thread are few. Of
  // the gradient of the built-in model's down projections, [48, 1024] x [1024, 96], a thread has 96 columns or 48.
  // That is why stages never use more than one.
  it('agree with one to rounding, for the built-in model', async () => {
    const [one, two] = [await descent(BUILT_IN, ONE), await descent(BUILT_IN, TWO)];
    expect(Object.keys(two.weights)).toEqual(Object.keys(one.weights));
    for (const [name, expected] of Object.entries(one.weights)) {
      const error = Math.hypot(...two.weights[name]!.map((value, index) => value - expected[index]!));
      expect(error / Math.hypot(...expected), name).toBeLessThan(1e-6);
    }
  });
});

describe('calls without copies', () => {
  it('are unmoved by the garbage collector, the package loaded or not', async () => {
    const { digest } = await descend(SMALL, 'package', 8);
    const collecting = { nodeOptions: ['--expose-gc', '--compact-on-every-full-gc'], steps: 8 };
    expect(await Promise.all([ONE, 'stages' as const].map((access) => elsewhere(SMALL, access, collecting)))).toEqual([
      digest,
      digest,
    ]);
  });

  it('are given up for the package where the platform has no FFI, with the same bits', async () => {
    const preload = join(folder, 'without-koffi.cjs');
    await writeFile(
      preload,
      `const Module = require('node:module');
       const resolve = Module._resolveFilename;
       Module._resolveFilename = (request, ...rest) => {
         if (request === 'koffi') throw Object.assign(new Error("Cannot find module 'koffi'"), { code: 'MODULE_NOT_FOUND' });
         return resolve(request, ...rest);
       };`,
    );
    const without = { nodeOptions: ['--require', preload] };
    expect(await elsewhere(BUILT_IN, 'stages', without)).toBe((await descent(BUILT_IN, 'stages')).digest);
    await expect(elsewhere(BUILT_IN, ONE, without)).rejects.toThrow("Cannot find module 'koffi'");
  });

  const graph = new Graph();
  graph.output('y', graph.exp(graph.input('x', [2])));
  const open = (model: Uint8Array) => new ViewingSession(library, model, graph, libraryEntries());

  it('fail with the words of the library when it refuses a model, and go on working', async () => {
    const model = lowerToOnnx(graph);
    expect(() => open(new Uint8Array(0))).toThrow('Model data pointer is null.');
    expect(() => open(model.subarray(0, model.length / 2))).toThrow(
      'Failed to load model because protobuf parsing failed.',
    );
    const unknown = Buffer.from(Buffer.from(model).toString('latin1').replaceAll('Exp', 'Exq'), 'latin1');
    expect(() => open(unknown)).toThrow(/No Op registered for Exq/);

    const session = open(model);
    session.feed('x', new Float32Array(2));
    expect(await session.run()).toEqual({ y: Float32Array.of(1, 1) });
    await session.release();
  });

  it('refuse memory of another size or type, and go on with what was bound before', async () => {
    const session = open(lowerToOnnx(graph));
    const y = new Float32Array(2);
    session.feed('x', new Float32Array(2));
    session.fetch('y', y);
    expect(() => session.feed('x', new Float32Array(3))).toThrow('x has 2 elements of shape [2], not 3.');
    expect(() => session.fetch('y', new Float32Array(1))).toThrow('y has 2 elements of shape [2], not 1.');
    await session.run();
    expect(y).toEqual(Float32Array.of(1, 1));
    session.fetch('y', new Int32Array(2));
    await expect(session.run()).rejects.toThrow(/output data type.*int32.*float/);
    await session.release();
  });

  it('refuse to use a session that was released, which the library does not, and may release it twice', async () => {
    const constant = new Graph(); // without inputs: nothing is unbound after the release
    constant.output('y', constant.exp(constant.scalar(0)));
    const session = new ViewingSession(library, lowerToOnnx(constant), constant, libraryEntries());
    await session.release();
    await session.release();
    await expect(session.run()).rejects.toThrow('The session was released.');
    expect(() => session.fetch('y', new Float32Array(1))).toThrow('The session was released.');
  });
});

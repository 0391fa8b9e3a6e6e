/** What a process keeps of sessions, however many nodes it has run: few, and none that failed. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest';
import { loadOnnxLibrary, type OnnxLibrary } from '../../src/compute/runtimes/onnx/onnx-library.ts';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { createTrainer } from '../../src/compute/training/create-trainer.ts';
import { installedBuild } from '../../src/base/installed-build.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import { readModelConfig } from '../../src/model/model-config.ts';
import { SessionPool, sessionPool, type PooledSession } from '../../src/model/session-pool.ts';
import detectSw from '../../stages/detect-sw.ts';
import evaluate from '../../stages/eval.ts';
import train from '../../stages/train.ts';
import { javascriptBackend } from '../compute/javascript-tensorflow.ts';
import { runStage } from '../support/stage-job.ts';

/** TensorFlow.js in JavaScript instead of libtensorflow, which few machines have. */
vi.mock('../../src/compute/runtimes/tensorflow/native-backend.ts', () => ({
  openNativeBackend: () => javascriptBackend(),
}));

class FakeSession implements PooledSession {
  static live = 0;
  readonly bytes: number;
  constructor(bytes: number) {
    this.bytes = bytes;
    FakeSession.live += 1;
  }
  release(): Promise<void> {
    FakeSession.live -= 1;
    return Promise.resolve();
  }
}

describe('a pool of sessions', () => {
  let pool: SessionPool;
  let opened: string[];
  beforeEach(() => {
    pool = new SessionPool(100);
    opened = [];
    FakeSession.live = 0;
  });

  const use = (name: string, bytes = 30, work: (session: FakeSession) => Promise<unknown> = () => Promise.resolve()) =>
    pool.use(
      [name],
      () => {
        opened.push(name);
        return Promise.resolve(new FakeSession(bytes));
      },
      work,
    );

  it('gives the same session to whoever needs one that is made of the same', async () => {
    const seen: FakeSession[] = [];
    for (let node = 0; node < 5; node++) await use('a', 30, async (session) => seen.push(session));
    expect(opened).toEqual(['a']);
    expect(new Set(seen).size).toBe(1);
  });

  it('keeps what was used last, within its limit, and releases the others', async () => {
    for (const name of ['a', 'b', 'c', 'a', 'd']) await use(name);
    expect([pool.size, pool.bytes, FakeSession.live]).toEqual([3, 90, 3]);
    opened = [];
    for (const name of ['d', 'a', 'c', 'b']) await use(name);
    expect(opened).toEqual(['b']);
  });

  it('does not keep one that is too large, nor lets go of others for it', async () => {
    for (const name of ['a', 'b']) await use(name);
    await use('large', 101);
    expect([pool.size, FakeSession.live]).toEqual([2, 2]);
  });

  it('counts what a session takes after it was used, not before', async () => {
    let bytes = 10;
    const growing: PooledSession = {
      get bytes() {
        return bytes;
      },
      release: () => Promise.resolve(),
    };
    await pool.use(
      ['growing'],
      () => Promise.resolve(growing),
      async () => void (bytes = 200),
    );
    expect(pool.size).toBe(0);
  });

  it('releases one whose work failed, and says why it failed', async () => {
    await use('a');
    await expect(use('a', 30, () => Promise.reject(new Error('no luck')))).rejects.toThrow('no luck');
    expect([pool.size, FakeSession.live]).toEqual([0, 0]);
  });

  it('keeps nothing of one that could not be opened: the next one is tried', async () => {
    const failing = () => Promise.reject<FakeSession>(new Error('out of memory'));
    await expect(pool.use(['a'], failing, () => Promise.resolve())).rejects.toThrow('out of memory');
    await use('a');
    expect(opened).toEqual(['a']);
  });

  it('lends a session to one at a time', async () => {
    await use('a', 30, (outer) => use('a', 30, (inner) => Promise.resolve(expect(inner).not.toBe(outer))));
    expect(opened).toEqual(['a', 'a']);
    await pool.clear();
    expect([pool.size, FakeSession.live]).toEqual([0, 0]);
  });
});

const inputs = { weights: join(packageRoot, 'models/marker-retrieval/seed-0.safetensors') };
const MODEL = { model: 'marker-retrieval', batchSize: 2, sequenceLength: 16 };

describe('the stages', () => {
  const library = loadOnnxLibrary();
  let created: MockInstance<OnnxLibrary['createSession']>;
  let released: MockInstance<OnnxLibrary['releaseSession']>;
  const live = () => created.mock.calls.length - released.mock.calls.length;
  beforeEach(async () => {
    await sessionPool.clear();
    created = vi.spyOn(library, 'createSession');
    released = vi.spyOn(library, 'releaseSession');
  });
  afterEach(async () => {
    await sessionPool.clear();
    expect(live()).toBe(0);
    vi.restoreAllMocks();
  });

  it('train in one session, whatever seed, rate, length and schedule', async () => {
    const vary = [{ seed: 1 }, { seed: 2, steps: 2 }, { learningRate: 1e-4 }, { weightDecay: 0 }, { curveEvery: 1 }];
    for (const params of vary) await runStage(train, { params: { ...MODEL, seed: 0, steps: 1, ...params }, inputs });
    expect([created.mock.calls.length, live(), sessionPool.size]).toEqual([1, 1, 1]);
  });

  it('evaluate and detect in one model each, whatever seed and samples', async () => {
    for (const seed of [0, 1, 2]) {
      await runStage(evaluate, { params: { ...MODEL, seed, sequences: 4 + 2 * seed }, inputs });
      const few = { candidateSequences: 2, causalSequences: 2, controlsPerKind: 1, rescans: 0 };
      await runStage(detectSw, { params: { ...MODEL, batchSize: 4, seed, ...few }, inputs });
    }
    // an evaluation has one pass; a detection has activations, losses that are recorded, and a pass from each layer
    expect([created.mock.calls.length, live(), sessionPool.size]).toEqual([6, 6, 2]);
  });

  it('keep few sessions of many shapes', async () => {
    const shapes = [60, 61, 62, 63, 64].map((sequenceLength) => ({ ...MODEL, batchSize: 16, sequenceLength }));
    for (const shape of shapes) await runStage(train, { params: { ...shape, seed: 0, steps: 1 }, inputs });
    expect(created).toHaveBeenCalledTimes(shapes.length);
    expect(live()).toBe(sessionPool.size);
    expect(live()).toBeLessThan(shapes.length);
    expect(sessionPool.bytes).toBeLessThanOrEqual(2 ** 26);
  });

  it('release the session of a node that fails or is stopped', async () => {
    const diverges = { ...MODEL, seed: 0, steps: 50, learningRate: 1e30 };
    await expect(runStage(train, { params: diverges, inputs })).rejects.toThrow(/The (loss|gradient's norm) became/);
    expect(live()).toBe(0);
    const stopped = { params: { ...MODEL, seed: 0, steps: 3 }, inputs, signal: AbortSignal.abort() };
    await expect(runStage(train, stopped)).rejects.toThrow('aborted');
    await expect(
      runStage(evaluate, { params: { ...MODEL, sequences: 2 }, inputs, signal: AbortSignal.abort() }),
    ).rejects.toThrow('aborted');
    const lacking = { weights: join(packageRoot, 'package.json') };
    await expect(runStage(train, { params: { ...MODEL, seed: 0, steps: 1 }, inputs: lacking })).rejects.toThrow();
    expect([live(), sessionPool.size]).toEqual([0, 0]);
  });

  it('leave no session of a trainer that cannot be made', async () => {
    const training = buildTrainingGraph(await readModelConfig('marker-retrieval'), { batch: 1, sequence: 4 });
    const parameters = [...training.parameters, { name: 'huge', shape: [2 ** 40, 2 ** 12], decay: false }];
    const kernel = join(installedBuild, 'optimizer.wasm');
    await expect(createTrainer({ ...training, parameters }, CPU_TARGET, kernel, 1)).rejects.toMatchObject({
      failure: { kind: 'unavailable' },
    });
    expect([created.mock.calls.length, live()]).toEqual([1, 0]);
  });

  it('with the other engine: no tensor stays but those of kept sessions', async () => {
    const { tf } = javascriptBackend();
    const before = tf.memory().numTensors;
    const params = { ...MODEL, engine: 'tensorflow' as const, batchSize: 1, steps: 1 };
    const tensors: number[] = [];
    for (const seed of [0, 1, 2]) {
      await runStage(train, { params: { ...params, sequenceLength: 4, seed }, inputs });
      tensors.push(tf.memory().numTensors);
    }
    expect(new Set(tensors).size).toBe(1);
    const diverges = { ...params, sequenceLength: 4, seed: 0, steps: 50, learningRate: 1e30 };
    await expect(runStage(train, { params: diverges, inputs })).rejects.toThrow(/The (loss|gradient's norm) became/);
    expect(tf.memory().numTensors).toBe(before);
  });
});

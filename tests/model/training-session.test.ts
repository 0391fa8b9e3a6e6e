/** A training session's files: what is saved and loaded again goes on as if nothing had happened. */
import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { parameterShapes } from '../../src/model/decoder/decoder-graph.ts';
import type { Gpt2Config } from '../../src/model/decoder/gpt2.ts';
import type { LlamaConfig } from '../../src/model/decoder/llama.ts';
import type { FloatTensor } from '../../src/model/language-model.ts';
import { writeMasks } from '../../src/model/mask-file.ts';
import { readSafetensors, writeSafetensors } from '../../src/model/safetensors.ts';
import { openTrainingSession, type TrainingSession } from '../../src/model/training-session.ts';

const SIZE = {
  corpus: 'marker-retrieval',
  layers: 2,
  width: 24,
  heads: 2,
  feedForward: 48,
  vocabulary: 64,
  normEpsilon: 1e-5,
} as const;
const SHAPE = { batch: 4, sequence: 12 };
const SETTINGS = {
  stream: 'retrain-data',
  seed: 5,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  clipNorm: 0.5,
};

interface Kind {
  config: LlamaConfig | Gpt2Config;
  microBatches: number;
  /** A matrix to prune. */
  pruned: string;
}

const kinds: [string, Kind][] = [
  [
    'llama',
    {
      config: { ...SIZE, family: 'llama', ropeTheta: 1e4 },
      microBatches: 1,
      pruned: 'model.layers.1.mlp.down_proj.weight',
    },
  ],
  [
    'gpt2 in micro-batches',
    {
      config: { ...SIZE, family: 'gpt2', positions: 12 },
      microBatches: 2,
      pruned: 'transformer.h.1.mlp.c_proj.weight',
    },
  ],
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-session-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Files {
  weights: string;
  optimizer: string;
}
const filesOf = (name: string): Files => ({
  weights: join(folder, `${name}.weights`),
  optimizer: join(folder, `${name}.optimizer`),
});

const newSession = ({ config, microBatches }: Kind): Promise<TrainingSession> =>
  openTrainingSession(config, { ...SHAPE, microBatches }, CPU_TARGET);

/** Files of weights that are always the same, and of a mask that prunes every third weight of a matrix. */
async function begin({ config, pruned }: Kind): Promise<{ weights: string; mask: string }> {
  let state = 1;
  const draw = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const weights = new Map<string, FloatTensor>();
  for (const [name, shape] of parameterShapes(config)) {
    const centre = shape.length === 1 && name.endsWith('weight') ? 1 : 0;
    const length = shape.reduce((product, size) => product * size, 1);
    weights.set(name, { shape, data: Float32Array.from({ length }, () => centre + (draw() - 0.5) * 0.2) });
  }
  const files = { weights: join(folder, `${config.family}.start`), mask: join(folder, `${config.family}.mask`) };
  await writeSafetensors(files.weights, weights);
  const { shape, data } = weights.get(pruned)!;
  await writeMasks(
    files.mask,
    new Map([[pruned, { shape, data: Uint8Array.from(data, (_, index) => Number(index % 3 > 0)) }]]),
  );
  return files;
}

/** Takes the steps from `first` until before `end` and saves. */
async function train(session: TrainingSession, first: number, end: number, files: Files) {
  const results = [];
  for (let step = first; step < end; step++) results.push(await session.step(SETTINGS, step, 0.002 * (1 + (step % 3))));
  session.assertMaskHolds();
  await session.save(files);
  return results;
}

async function digestsOf({ weights, optimizer }: Files): Promise<string[]> {
  return Promise.all(
    [weights, optimizer].map(async (path) =>
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    ),
  );
}

describe.each(kinds)('a training session of %s', (_, kind) => {
  it('goes on from saved weights and moments as a run that was not interrupted, bit for bit', async () => {
    const { weights, mask } = await begin(kind);
    const [whole, half, rest] = [filesOf('whole'), filesOf('half'), filesOf('rest')];
    const uninterrupted = await newSession(kind);
    await uninterrupted.load({ weights, mask });
    const expected = await train(uninterrupted, 0, 7, whole);

    const interrupted = await newSession(kind);
    await interrupted.load({ weights, mask });
    const before = await train(interrupted, 0, 3, half);
    const resumed = await newSession(kind);
    await resumed.load({ ...half, mask });
    const after = await train(resumed, 3, 7, rest);

    expect([...before, ...after]).toEqual(expected);
    expect(await digestsOf(rest)).toEqual(await digestsOf(whole));
  });

  it('takes nothing over from what it trained before: mask, moments, count of steps', async () => {
    const { weights, mask } = await begin(kind);
    const [fresh, used] = [filesOf('fresh'), filesOf('used')];
    const session = await newSession(kind);
    await session.load({ weights });
    const expected = await train(session, 0, 3, fresh);
    await session.load({ ...fresh, mask });
    await train(session, 3, 5, used);
    await session.load({ weights });
    expect(await train(session, 0, 3, used)).toEqual(expected);
    expect(await digestsOf(used)).toEqual(await digestsOf(fresh));
  });

  it('masks kept moments: what was pruned between two rounds does not come back', async () => {
    const { weights, mask } = await begin(kind);
    const [dense, sparse] = [filesOf('dense'), filesOf('sparse')];
    const session = await newSession(kind);
    await session.load({ weights });
    await train(session, 0, 3, dense);
    const moments = (await readSafetensors(dense.optimizer)).tensors.get(`first.${kind.pruned}`)!.data;
    expect(moments[0]).not.toBe(0);
    await session.load({ ...dense, mask });
    await train(session, 3, 5, sparse);
    const [after, optimizer] = [await readSafetensors(sparse.weights), await readSafetensors(sparse.optimizer)];
    const pruned = [
      after.tensors.get(kind.pruned)!,
      ...['first', 'second'].map((moment) => optimizer.tensors.get(`${moment}.${kind.pruned}`)!),
    ];
    for (const { data } of pruned)
      expect(data.filter((value, index) => index % 3 === 0 && !Object.is(value, 0))).toHaveLength(0);
    expect(optimizer.metadata).toEqual({ updates: '5' });
  });
});

describe('a training session refuses', () => {
  const [, kind] = kinds[0]!;

  it('weights that lack a tensor, and an optimizer file that is none', async () => {
    const { weights } = await begin(kind);
    const session = await newSession(kind);
    const [lacking, wrong] = [join(folder, 'lacking'), join(folder, 'wrong')];
    const { tensors } = await readSafetensors(weights);
    tensors.delete('model.norm.weight');
    await writeSafetensors(lacking, tensors);
    await copyFile(weights, wrong);
    const remedy = 'The artifact is damaged or was given under the wrong name.';
    await expect(session.load({ weights: lacking })).rejects.toMatchObject({
      failure: { path: lacking, message: 'The tensor model.norm.weight of shape [24] is missing.', remedy },
    });
    await expect(session.load({ weights, optimizer: wrong })).rejects.toMatchObject({
      failure: {
        path: wrong,
        message: 'The tensor first.model.embed_tokens.weight of shape [64, 24] is missing.',
        remedy,
      },
    });
  });
});

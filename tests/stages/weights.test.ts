/** load-pretrained and init: where a run's weights come from, and that pretrained means pretrained. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DagBuilder } from '../../src/engine/dag-builder.ts';
import type { PlannedNode } from '../../src/engine/node.ts';
import type { StageLoader } from '../../src/engine/stage-loader.ts';
import { checkpointPath } from '../../src/model/model-config.ts';
import { readSafetensors } from '../../src/model/safetensors.ts';
import { readStoredTensors } from '../../src/model/stored-tensors.ts';
import { digestFile } from '../../src/base/digest.ts';
import { readVirtualFile } from '../../src/base/virtual-file.ts';
import makePublished from '../../stages/bodies/published-weights.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import init from '../../stages/init.ts';
import loadPretrained from '../../stages/load-pretrained.ts';
import { runStage } from '../support/stage-job.ts';

const MODEL = 'marker-retrieval';

/** The node of load-pretrained with these parameters, as it is planned. */
async function plannedNode(params: { model: string; checkpoint: number }): Promise<PlannedNode> {
  const loader = {
    load: () => Promise.resolve({ definition: loadPretrained, code: 'c0de', module: '', files: [] }),
  } as unknown as StageLoader;
  const builder = new DagBuilder({ loader, root: '/elsewhere' });
  const key = await builder.add({
    stage: 'load-pretrained',
    params,
    inputs: {},
    label: { experiment: 'A1', seed: 0, round: 0, step: 'load' },
  });
  return builder.dag.getNodeAttributes(key);
}

describe('load-pretrained', () => {
  it('passes the committed checkpoint on, value by value', async () => {
    const { outputs, metrics } = await runStage(loadPretrained, { params: { checkpoint: 1 } });
    expect((await readSafetensors(outputs.weights!)).tensors).toEqual(
      (await readSafetensors(checkpointPath(MODEL, 1))).tensors,
    );
    expect(metrics).toEqual({ checkpoint: 1, parameters: 75_600, sampleLoss: expect.any(Number) as number });
  });

  it('fails for a checkpoint that does not exist: there is no random fallback', async () => {
    const run = runStage(loadPretrained, { params: { checkpoint: 987 } });
    await expect(run).rejects.toMatchObject({
      failure: { kind: 'file', operation: 'read', code: 'ENOENT', path: checkpointPath(MODEL, 987) },
    });
  });

  it('is keyed by what the checkpoint and the configuration hold, not by where they lie', async () => {
    const { preimage } = await plannedNode({ model: MODEL, checkpoint: 4 });
    const sha256 = async (path: string) =>
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
    expect(preimage.files).toEqual({
      checkpoint: await sha256(checkpointPath(MODEL, 4)),
    });
    expect(preimage.computes).toMatchObject({ parameters: { 'lm_head.weight': [64, 48] } });
    expect(JSON.stringify(preimage)).not.toContain(packageRoot);
  });

  it('reads a model as Hugging Face publishes it: every seed starts from its one checkpoint, all files are keyed', async () => {
    const model = join(packageRoot, 'tests/model/published/llama-sharded');
    const { outputs, metrics } = await runStage(loadPretrained, { params: { model, checkpoint: 3 } });
    expect(metrics).toEqual({ parameters: 4816 });
    const { tensors } = await readStoredTensors(outputs.weights!);
    expect(tensors.get('model.layers.1.self_attn.k_proj.weight')).toMatchObject({ shape: [8, 16] });
    // It says what the weights are made of, and whoever needs the file itself makes it.
    const { parts, sha256, settings } = (await readVirtualFile(outputs.weights!))!;
    const made = `${outputs.weights!}.made`;
    await makePublished(parts, made, settings!);
    expect((await digestFile(made)).sha256).toBe(sha256);
    expect((await readSafetensors(made)).tensors).toEqual(tensors);
    const started = await runStage(init, {
      params: { model, scheme: 'pretrained' },
      inputs: { pretrained: outputs.weights! },
    });
    expect(await readVirtualFile(started.outputs.weights!)).toMatchObject({ sha256, form: 'same-weights' });
    expect((await readStoredTensors(started.outputs.weights!)).tensors).toEqual(tensors);
    const files = await loadPretrained.files!({ model, checkpoint: 3 }, '/elsewhere');
    expect(files.map(({ name }) => name)).toEqual([
      ...['config.json', 'model.safetensors.index.json'],
      ...['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'],
    ]);
  });

  it('is blocked before anything runs where a file is missing, and says what to do', async () => {
    expect((await plannedNode({ model: MODEL, checkpoint: 987 })).blocked).toMatchObject({
      failure: {
        kind: 'file',
        path: checkpointPath(MODEL, 987),
        remedy: expect.stringContaining('or choose another seed or load-pretrained.checkpoint'),
      },
    });
    await expect(plannedNode({ model: 'nowhere', checkpoint: 987 })).rejects.toMatchObject({
      failure: { kind: 'usage', message: expect.stringContaining('There is no model "nowhere"') },
    });
  });
});

describe('init', () => {
  it('keeps the pretrained weights bit for bit', async () => {
    const loaded = (await runStage(loadPretrained, { params: { checkpoint: 0 } })).outputs.weights!;
    const { outputs } = await runStage(init, { params: { seed: 0 }, inputs: { pretrained: loaded } });
    expect(await readFile(outputs.weights!)).toEqual(await readFile(loaded));
  });

  it('refuses to be pretrained without pretrained weights', async () => {
    await expect(runStage(init, { params: { seed: 0 } })).rejects.toThrow(
      'The scheme "pretrained" needs the input `pretrained`',
    );
  });

  it('keeps nothing pretrained in a re-initialised model: no matrix, not even the embeddings', async () => {
    const loaded = (await runStage(loadPretrained, { params: { checkpoint: 0 } })).outputs.weights!;
    const pretrained = (await readSafetensors(loaded)).tensors;
    for (const scheme of ['xavier', 'kaiming', 'original'] as const) {
      const { outputs } = await runStage(init, { params: { scheme, seed: 0 }, inputs: { pretrained: loaded } });
      const drawn = (await readSafetensors(outputs.weights!)).tensors;
      expect([...drawn.keys()]).toEqual([...pretrained.keys()]);
      for (const [name, { shape, data }] of drawn) {
        expect(shape).toEqual(pretrained.get(name)!.shape);
        if (shape.length === 1)
          expect(
            data.every((gain) => gain === 1),
            name,
          ).toBe(true);
        else
          expect(
            data.filter((value, index) => value === pretrained.get(name)!.data[index]).length,
            `${scheme} ${name}`,
          ).toBeLessThan(3);
      }
    }
  });

  it('draws the same weights for the same seed and others for another', async () => {
    const draw = async (seed: number) =>
      readFile((await runStage(init, { params: { scheme: 'kaiming', seed } })).outputs.weights!);
    expect(await draw(1)).toEqual(await draw(1));
    expect(await draw(1)).not.toEqual(await draw(2));
  });
});

/** load-pretrained and init: where a run's weights come from, and that pretrained means pretrained. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { checkpointPath, readModelConfig } from '../../src/model/model-config.ts';
import { readSafetensors } from '../../src/model/safetensors.ts';
import { packageRoot } from '../../src/package-root.ts';
import init from '../../stages/init.ts';
import loadPretrained from '../../stages/load-pretrained.ts';
import { runStage } from '../support/stage-job.ts';

const MODEL = 'marker-retrieval';

describe('load-pretrained', () => {
  it('passes the committed checkpoint on, value by value', async () => {
    const { outputs, metrics } = await runStage(loadPretrained, { params: { checkpoint: 1 } });
    expect((await readSafetensors(outputs.weights!)).tensors).toEqual((await readSafetensors(checkpointPath(MODEL, 1))).tensors);
    expect(metrics).toEqual({ checkpoint: 1, parameters: 75_600 });
  });

  it('fails for a checkpoint that does not exist: there is no random fallback', async () => {
    const run = runStage(loadPretrained, { params: { checkpoint: 987 } });
    await expect(run).rejects.toMatchObject({ failure: { kind: 'file', operation: 'read', code: 'ENOENT', path: checkpointPath(MODEL, 987) } });
  });

  it('is keyed by what the checkpoint and the configuration hold, not by where they lie', async () => {
    const fingerprint = (checkpoint: number) => loadPretrained.fingerprint!({ model: MODEL, checkpoint });
    const sha256 = createHash('sha256').update(await readFile(checkpointPath(MODEL, 4))).digest('hex');
    expect(await fingerprint(4)).toMatchObject({ config: await readModelConfig(MODEL), parameters: { 'lm_head.weight': [64, 48] }, checkpoint: sha256 });
    expect(JSON.stringify(await fingerprint(4))).not.toContain(packageRoot);
    expect(await fingerprint(5)).not.toEqual(await fingerprint(4));
  });

  it('fails before anything runs where the checkpoint is missing, and says what to do', async () => {
    await expect(loadPretrained.fingerprint!({ model: MODEL, checkpoint: 987 })).rejects.toMatchObject({
      failure: {
        kind: 'file',
        path: checkpointPath(MODEL, 987),
        remedy: 'Restore checkpoint 987 of marker-retrieval (its README says how to rebuild it), or choose another seed or load-pretrained.checkpoint.',
      },
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
    await expect(runStage(init, { params: { seed: 0 } })).rejects.toThrow('The scheme "pretrained" needs the input `pretrained`');
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
        if (shape.length === 1) expect(data.every((gain) => gain === 1), name).toBe(true);
        else expect(data.filter((value, index) => value === pretrained.get(name)!.data[index]).length, `${scheme} ${name}`).toBeLessThan(3);
      }
    }
  });

  it('draws the same weights for the same seed and others for another', async () => {
    const draw = async (seed: number) => readFile((await runStage(init, { params: { scheme: 'kaiming', seed } })).outputs.weights!);
    expect(await draw(1)).toEqual(await draw(1));
    expect(await draw(1)).not.toEqual(await draw(2));
  });
});

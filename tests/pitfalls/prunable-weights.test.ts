/**
 * Pitfall: a global threshold runs over norms, embeddings and the head, so that an initialisation's scale decides what
 * is pruned.
 */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Pruning } from '../../src/generated/pruning.ts';
import { checkpointPath } from '../../src/model/model-config.ts';
import { readMasks } from '../../src/model/mask-file.ts';
import init from '../../stages/init.ts';
import prune from '../../stages/prune.ts';
import { runStage } from '../support/stage-job.ts';
import { readWeights } from '../support/read-weights.ts';

describe.each(['pretrained', 'xavier', 'kaiming', 'original'] as const)('from %s weights', (scheme) => {
  it('even pruning everything leaves norms, embeddings and head untouched, and gains at 1 where they were drawn', async () => {
    const start = (
      await runStage(init, {
        params: { scheme, seed: 0 },
        inputs: { pretrained: checkpointPath('marker-retrieval', 0) },
      })
    ).outputs.weights!;
    const { outputs } = await runStage(prune, { params: { fraction: 1 }, inputs: { weights: start } });
    const [before, after, masks] = [
      await readWeights(start),
      await readWeights(outputs.weights!),
      await readMasks(outputs.mask!),
    ];
    const spared = [...before.keys()].filter((name) => !masks.has(name));
    expect(spared.filter((name) => !name.includes('layernorm'))).toEqual([
      'model.embed_tokens.weight',
      'model.norm.weight',
      'lm_head.weight',
    ]);
    for (const name of spared) expect(after.get(name)!.data, name).toEqual(before.get(name)!.data);
    for (const [name, { shape, data }] of after)
      if (shape.length === 1)
        expect(
          data.every((gain) => (scheme === 'pretrained' ? gain !== 0 : gain === 1)),
          name,
        ).toBe(true);
    for (const name of masks.keys())
      expect(
        after.get(name)!.data.every((value) => value === 0),
        name,
      ).toBe(true);
  });
});

it('what a global threshold takes from each kind of tensor is on record, since an initialisation sets their scales apart', async () => {
  const kinds = async (scheme: 'xavier' | 'original') => {
    const start = (await runStage(init, { params: { scheme, seed: 0 } })).outputs.weights!;
    const { outputs } = await runStage(prune, { params: { fraction: 0.2 }, inputs: { weights: start } });
    return new Map(
      (JSON.parse(await readFile(outputs.pruning!, 'utf8')) as Pruning).kinds.map(({ kind, weights, prunedNow }) => [
        kind,
        prunedNow / weights,
      ]),
    );
  };
  // `original` draws what writes to the residual stream smaller by sqrt(2 L): a global threshold takes it first.
  const [xavier, original] = [await kinds('xavier'), await kinds('original')];
  expect(original.get('o_proj')! / original.get('q_proj')!).toBeGreaterThan(2);
  expect(Math.abs(xavier.get('o_proj')! / xavier.get('q_proj')! - 1)).toBeLessThan(0.1);
});

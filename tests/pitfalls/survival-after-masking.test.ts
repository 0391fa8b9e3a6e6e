/** Pitfall: survival is read before the mask is applied, so that the last prune is never seen. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { StageLoader } from '../../src/engine/stage-loader.ts';
import type { SuperWeightReport } from '../../src/generated/super-weights.ts';
import { checkpointPath } from '../../src/model/model-config.ts';
import { readMasks } from '../../src/model/mask-file.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { readStudyFile } from '../../src/pipeline/study-file.ts';
import { resolveStudy } from '../../src/pipeline/study.ts';
import detect from '../../stages/detect-sw.ts';
import prune from '../../stages/prune.ts';
import train from '../../stages/train.ts';
import { runOf } from '../pipeline/study-of.ts';
import { runStage, temporaryFile } from '../support/stage-job.ts';

const QUICK = { candidateSequences: 4, causalSequences: 4, batchSize: 4, controlsPerKind: 1 };

it('the kept bit of every followed weight is the mask bit of the prune that was just made, and of the training after it', async () => {
  const weights = checkpointPath('marker-retrieval', 0);
  const followed = Array.from({ length: 12 }, (_, index) => ({
    tensor: `model.layers.${index % 3}.mlp.down_proj.weight`,
    layer: index % 3,
    row: 3 * index,
    col: 7 * index,
    value: 1,
  }));
  const reference = temporaryFile('followed.json');
  await writeFile(reference, JSON.stringify({ confirmed: followed, candidates: [] }));
  const pruned = await runStage(prune, {
    params: { criterion: 'random', fraction: 0.5, seed: 1 },
    inputs: { weights },
  });
  const trained = await runStage(train, {
    params: { steps: 2, batchSize: 2, sequenceLength: 8, seed: 0 },
    inputs: { weights: pruned.outputs.weights!, mask: pruned.outputs.mask! },
  });
  const masks = await readMasks(pruned.outputs.mask!);
  const bits = followed.map(({ tensor, row, col }) => masks.get(tensor)!.data[row * 96 + col] === 1);
  expect(new Set(bits).size).toBe(2); // some are pruned, some are not
  for (const after of [pruned, trained]) {
    const { outputs } = await runStage(detect, {
      params: QUICK,
      inputs: { weights: after.outputs.weights!, reference, pruning: pruned.outputs.pruning! },
    });
    const { survival } = JSON.parse(await readFile(outputs.superWeights!, 'utf8')) as SuperWeightReport;
    expect(survival.map(({ kept }) => kept)).toEqual(bits);
    for (const { kept, effect, functional } of survival) if (!kept) expect([effect, functional]).toEqual([0, false]);
  }
});

it('in every experiment of every profile each prune, the last one too, is followed by a detection and an evaluation of what it wrote', async () => {
  const file = await readStudyFile(join(packageRoot, 'pipeline.json'));
  const profiles = Object.keys(
    (JSON.parse(await readFile(join(packageRoot, 'pipeline.json'), 'utf8')) as { profiles: object }).profiles,
  );
  let prunes = 0;
  for (const profile of profiles) {
    const study = await resolveStudy(file, { profile, loader: StageLoader.installed() });
    for (const { id } of study.experiments) {
      const run = runOf(study, id);
      for (const name of run.keys()) {
        const round = /^prune@(\d+)$/.exec(name)?.[1];
        if (round === undefined) continue;
        prunes += 1;
        for (const measured of ['detect-pruned', 'eval-pruned'])
          expect(run.get(`${measured}@${round}`)?.inputs.weights, `${profile} ${id} ${measured}@${round}`).toBe(
            `prune@${round}.weights`,
          );
      }
    }
  }
  expect(prunes).toBeGreaterThan(100);
});

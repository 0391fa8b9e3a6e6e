/** The rewind stage: each way back reads the one input that it needs, and fits into a study after a prune. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { RewindParams } from '../../src/generated/rewind.ts';
import { checkpointPath } from '../../src/model/model-config.ts';
import { readMasks } from '../../src/model/mask-file.ts';
import init from '../../stages/init.ts';
import prune from '../../stages/prune.ts';
import rewind from '../../stages/rewind.ts';
import { runStage } from '../support/stage-job.ts';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';
import { readWeights } from '../support/read-weights.ts';

const DOWN = 'model.layers.0.mlp.down_proj.weight';
const [pretrained, point] = [checkpointPath('marker-retrieval', 0), checkpointPath('marker-retrieval', 1)];
let inputs: Record<string, string>;

beforeAll(async () => {
  const started = await runStage(init, { params: { scheme: 'kaiming', seed: 0 } });
  const pruned = await runStage(prune, { params: { fraction: 0.5 }, inputs: { weights: pretrained } });
  inputs = {
    mask: pruned.outputs.mask!,
    weights: pruned.outputs.weights!,
    init: started.outputs.weights!,
    point,
    pretrained,
  };
});

const rewound = (params: RewindParams, given = inputs) =>
  runStage(rewind, { params: { seed: 0, ...params }, inputs: given });

describe('rewind', () => {
  it.each([
    ['none', 'weights'],
    ['init', 'init'],
    ['step', 'point'],
    ['pretrained', 'pretrained'],
  ] as const)('to: %s takes the kept weights from `%s`, keeps the mask, and reads nothing else', async (to, source) => {
    const { outputs, metrics } = await rewound({ to }, { mask: inputs.mask!, [source]: inputs[source]! });
    const [weights, values, masks] = [
      await readWeights(outputs.weights!),
      await readWeights(inputs[source]!),
      await readMasks(inputs.mask!),
    ];
    expect(await readMasks(outputs.mask!)).toEqual(masks);
    for (const [name, { data }] of weights) {
      const mask = masks.get(name)?.data;
      expect(data, name).toEqual(values.get(name)!.data.map((value, index) => (mask?.[index] === 0 ? 0 : value)));
    }
    expect(metrics).toEqual({ to, mask: 'keep', kept: 0.5 * 3 * (4 * 48 * 48 + 3 * 48 * 96) });

    const others = Object.fromEntries(Object.entries(inputs).filter(([name]) => name !== source));
    await expect(rewound({ to }, others)).rejects.toThrow(`rewind.to: ${to} needs the input \`${source}\``);
  });

  it('mask: shuffle keeps as many weights of each tensor at other places, and hands that mask on', async () => {
    const { outputs } = await rewound({ to: 'pretrained', mask: 'shuffle' });
    const [shuffled, found, weights, values] = [
      await readMasks(outputs.mask!),
      await readMasks(inputs.mask!),
      await readWeights(outputs.weights!),
      await readWeights(pretrained),
    ];
    const count = (data: Uint8Array) => data.reduce((sum, bit) => sum + bit, 0);
    for (const [name, { data }] of found) {
      expect(count(shuffled.get(name)!.data), name).toBe(count(data));
      expect(shuffled.get(name)!.data, name).not.toEqual(data);
      expect(weights.get(name)!.data, name).toEqual(
        values.get(name)!.data.map((value, index) => (shuffled.get(name)!.data[index] === 0 ? 0 : value)),
      );
    }
  });

  it('to: fresh with a shuffled mask differs from to: fresh with the found one in the mask alone', async () => {
    const [plain, shuffled] = [await rewound({ to: 'fresh' }), await rewound({ to: 'fresh', mask: 'shuffle' })];
    const [a, b] = [
      (await readWeights(plain.outputs.weights!)).get(DOWN)!.data,
      (await readWeights(shuffled.outputs.weights!)).get(DOWN)!.data,
    ];
    expect(a.every((value, index) => value === 0 || b[index] === 0 || value === b[index])).toBe(true);
  });

  it('stands in a study between a prune and the training that follows, which goes on from it', async () => {
    const study = tinyStudy();
    const [load, begin, rounds] = study.dag as [
      object,
      object,
      { repeat: string; final: string[]; steps: { step: string; inputs: Record<string, unknown> }[] },
    ];
    const [train, evaluate, cut] = rounds.steps;
    train!.inputs = {
      weights: ['rewind.weights', 'prune.weights', 'init.weights'],
      mask: ['rewind.mask', 'prune.mask'],
      position: 'train.position',
    };
    const back = {
      step: 'rewind',
      stage: 'rewind',
      unless: { to: 'none', mask: 'keep' },
      inputs: {
        mask: 'this prune.mask',
        weights: 'this prune.weights',
        init: 'init.weights',
        point: 'rewind-point.weights',
        pretrained: 'load.weights',
      },
    };
    const early = {
      step: 'rewind-point',
      stage: 'train',
      unless: { steps: 0 },
      params: { steps: 1 },
      inputs: { weights: 'init.weights' },
    };
    study.dag = [load, begin, early, { ...rounds, steps: [train, evaluate, cut, back] }];
    study.experiments = Object.fromEntries(
      ['none', 'init', 'step', 'pretrained', 'fresh'].map((to) => [to, { params: { rewind: { to } } }]),
    );
    const project = await SwpProject.create(study);
    const { exitCode, stderr } = await project.swp('repro', '--json');
    expect([exitCode, stderr]).toEqual([0, '']);
    const artifacts = async (...selector: string[]) =>
      (await project.swp('show', ...selector, '--json')).json<{ artifacts: Record<string, string> }>()[0]!.artifacts;
    // not rewound: no such step
    expect((await project.swp('show', 'experiment=none', 'stage=rewind')).exitCode).not.toBe(0);
    const [fresh, pruned, trained] = [
      await artifacts('experiment=fresh', 'stage=rewind'),
      await artifacts('experiment=fresh', 'stage=prune'),
      await artifacts('experiment=fresh', 'step=train', 'round=2'),
    ];
    const [mask, weights] = [
      (await readMasks(pruned.mask!)).get(DOWN)!.data,
      (await readWeights(trained.weights!)).get(DOWN)!.data,
    ];
    expect(await readMasks(fresh.mask!)).toEqual(await readMasks(pruned.mask!));
    expect(weights.every((value, index) => (value === 0) === (mask[index] === 0))).toBe(true);
    const start = (await readWeights(fresh.weights!)).get(DOWN)!.data;
    // two small steps away from it
    expect(Math.max(...weights.map((value, index) => Math.abs(value - start[index]!)))).toBeLessThan(0.1);
  });
});

/**
 * --device: one word that changes the device of every stage that declares one, with everything that follows from it.
 */
import { describe, expect, test } from 'vitest';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

interface NodeJson {
  key: string;
  stage: string;
  step: string;
  params: Record<string, unknown>;
}

async function nodesOf(project: SwpProject, ...args: string[]): Promise<NodeJson[]> {
  const [value] = (await project.swp('show', 'stage=*', ...args, '--json')).json<{ nodes: NodeJson[] }>();
  return value!.nodes;
}

function keys(nodes: readonly NodeJson[]): string[] {
  return nodes.map(({ key }) => key);
}

describe('--device', () => {
  test('gives the nodes that the study would have if it said so, seeds as before', async () => {
    const project = await SwpProject.create(tinyStudy());
    const asWritten = await nodesOf(project);
    const overridden = await nodesOf(project, '--device', 'webgpu');
    const study = tinyStudy();
    for (const stage of ['train', 'eval']) study.defaults.params[stage]!.device = 'webgpu';
    const declared = await nodesOf(await SwpProject.create(study));

    expect(overridden.map(({ key, params }) => ({ key, params }))).toEqual(
      declared.map(({ key, params }) => ({ key, params })),
    );
    const changed = overridden.filter(({ key }) => !keys(asWritten).includes(key)).map(({ stage }) => stage);
    expect(new Set(changed)).toEqual(new Set(['train', 'eval', 'prune'])); // prune follows from train
    expect(keys(await nodesOf(project, '--device', 'cpu'))).toEqual(keys(asWritten));
  });

  test('stands above what the file says, wherever it says it', async () => {
    const study = tinyStudy();
    study.defaults.params.train!.device = 'webgpu';
    study.experiments.A2 = { params: { eval: { device: 'cuda' } } };
    const project = await SwpProject.create(study);
    const devices = (nodes: readonly NodeJson[]) =>
      new Set(nodes.map(({ params }) => params.device).filter((device) => device !== undefined));
    expect(devices(await nodesOf(project))).toEqual(new Set(['webgpu', 'cuda', 'cpu']));
    expect(devices(await nodesOf(project, '--device', 'cpu'))).toEqual(new Set(['cpu']));
  });

  test.each(['status', 'dag', 'repro --dry-run', 'invalidate stage=train --dry-run', 'show stage=train'])(
    '%s takes it',
    async (command) => {
      const project = await SwpProject.create(tinyStudy());
      const { exitCode, stdout } = await project.swp(...command.split(' '), '--device', 'webgpu');
      expect({ exitCode, empty: stdout === '' }).toEqual({ exitCode: 0, empty: false });
    },
  );

  test('names the devices there are when it is none of them', async () => {
    const project = await SwpProject.create(tinyStudy());
    for (const command of ['status', 'verify'])
      expect(await project.swp(command, '--device', 'cudda')).toMatchObject({
        exitCode: 2,
        stderr: 'error: There is no device "cudda".\n  Did you mean "cuda"?\n  Expected: "cpu", "cuda" or "webgpu".',
      });
  });

  test('says so where no stage has a device', async () => {
    const project = await SwpProject.create({
      name: 'no-device',
      dag: [{ step: 'load', stage: 'load-pretrained' }],
      experiments: { A1: {} },
    });
    const { exitCode, stderr } = await project.swp('status', '--device', 'cpu');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: 'error: No stage of this study has a parameter "device".\n  Expected: no --device.',
    });
  });
});

test('a decay that is 1 in float32 is refused before anything runs', async () => {
  const study = tinyStudy();
  study.defaults.params.train = { steps: 2, beta1: 0.99999999, sequenceLength: 8 };
  const project = await SwpProject.create(study);
  const { exitCode, stderr } = await project.swp('repro');
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(
    /^pipeline\.json:\d+:\d+ error: train\.beta1 0\.99999999 is 1 in float32: the moment would stay 0\.\n/,
  );
  expect(stderr).toContain('"beta1": 0.99999999');
});

test('a training that diverges fails with the place and what to do', async () => {
  const study = tinyStudy();
  study.defaults.params.train = { steps: 3, batchSize: 2, sequenceLength: 8, learningRate: 1e6 };
  study.experiments = { A1: {} };
  const project = await SwpProject.create(study);
  const { exitCode, stdout } = await project.swp('repro');
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(
    /A1\/s0\/r1\/train \(train\): The .* became (NaN|Infinity) at step \d\.\n {2}The training has diverged, and nothing of it is kept: /,
  );
});

test('a micro-batch that does not divide the batch is refused before anything runs', async () => {
  const study = tinyStudy();
  study.defaults.params.train = { steps: 2, batchSize: 6, microBatchSize: 4, sequenceLength: 8 };
  const project = await SwpProject.create(study);
  const { exitCode, stderr } = await project.swp('repro');
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(
    /^pipeline\.json:\d+:\d+ error: train\.microBatchSize is 4, which does not divide train\.batchSize, 6\.\n/,
  );
  expect(stderr).toContain('"microBatchSize": 4');
  expect(stderr).toContain('Expected: a divisor of it, or 0 for the whole batch at once.');
});

/** The committed study with another model: its name is all that changes, whatever its family and corpus. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { SwpProject } from '../support/swp-project.ts';

interface Shown {
  nodes: { stage: string; params: { model?: string }; metrics: Record<string, unknown> }[];
}

test.each(['marker-retrieval-gelu', 'marker-retrieval-no-bos'])(
  'the smoke profile runs with %s from its checkpoint to the results',
  async (model) => {
    const study = JSON.parse(await readFile(new URL('../../pipeline.json', import.meta.url), 'utf8')) as {
      $schema?: string;
      defaults: { model?: string };
      profiles: { smoke: { experiments: string[]; params?: object } };
    };
    delete study.$schema; // it names a file of the checkout
    study.defaults.model = model;
    study.profiles.smoke.experiments = ['A1'];
    study.profiles.smoke.params = {
      eval: { sequences: 64 },
      'detect-sw': { causalSequences: 8, batchSize: 8, ablateLargest: 0 },
    };
    const project = await SwpProject.create(study);
    const run = await project.swp('repro', '--profile', 'smoke');
    expect(run.stderr).toBe('');
    expect(run.exitCode).toBe(0);

    const [{ nodes }] = (await project.swp('show', 'experiment=A1', '--profile', 'smoke', '--json')).json<Shown>() as [
      Shown,
    ];
    expect(new Set(nodes.map(({ stage }) => stage))).toEqual(
      new Set(['load-pretrained', 'init', 'train', 'prune', 'detect-sw', 'eval']),
    );
    for (const { params } of nodes) expect(params.model ?? model).toBe(model);
    const losses = nodes
      .filter(({ stage }) => stage === 'eval')
      .map(({ metrics }) => Number(metrics.loss) - Number(metrics.floor));
    // pretrained it is, on its own language
    for (const aboveFloor of losses) expect(Math.abs(aboveFloor)).toBeLessThan(0.15);
  },
);

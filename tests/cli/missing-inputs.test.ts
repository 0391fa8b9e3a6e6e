/** One missing checkpoint closes no study: what needs it is blocked and says why, and everything else goes on. */
import { expect, test } from 'vitest';
import { SwpProject } from '../support/swp-project.ts';

const PROGRAM = {
  name: 'list',
  summary: 'Lists what it gathers.',
  command: ['sh', 'stages/list.sh'],
  code: ['stages/list.sh'],
  inputs: { all: { summary: 'All.', gather: true } },
  outputs: { list: { summary: 'The list.', file: 'list.txt' } },
};

const study = (seeds: number[]) => ({
  name: 'seeds',
  dag: [
    { step: 'load', stage: 'load-pretrained' },
    { step: 'init', stage: 'init', inputs: { pretrained: 'load.weights' } },
    { step: 'list', stage: 'list', gather: { all: 'init.weights' } },
  ],
  defaults: { seeds },
  experiments: { A: {}, B: { params: { init: { seed: 1, scheme: 'xavier' } } } },
});

test('a seed without a checkpoint blocks its own nodes; reading, and runs of the others, go on', async () => {
  const project = await SwpProject.create(study([0]));
  await project.write('stages/list.stage.json', PROGRAM);
  // as a program does it: reads the message, writes the outputs, tells the metrics
  await project.write(
    'stages/list.sh',
    `read -r line; out=$(printf '%s' "$line" | sed 's/.*"outputs":{"list":"\\([^"]*\\)".*/\\1/')
printf '%s' "$line" | grep -o '"path"' | wc -l > "$out"; echo '{"metrics":{}}'\n`,
  );
  expect((await project.swp('repro')).stdout).toContain('4 nodes: 0 cached, 4 ran');

  await project.write('pipeline.json', study([0, 6, 7]));
  const lack = `Cannot read ${process.cwd()}/models/marker-retrieval/seed-6.safetensors: there is no such file.
  marker-retrieval has the checkpoints 0 to 5. Restore the file (the model's README says how to rebuild it), or choose another seed or load-pretrained.checkpoint. A study from scratch has no step load-pretrained.
  The same of seed-7.safetensors, beside seed-6.safetensors.
  Asked for by A seed 6 load, B seed 6 load, A seed 7 load, B seed 7 load. Blocked by it: 6 nodes.`;

  const part = await project.swp('repro', 'seed=0');
  expect([part.exitCode, part.stderr]).toEqual([0, '']);
  expect(part.stdout).not.toContain('seed-6');

  const whole = await project.swp('repro');
  expect(whole.exitCode).toBe(1);
  expect(whole.stdout).toContain('10 nodes: 3 cached, 1 to run (1 list), 6 blocked.');
  expect(whole.stdout).toContain(`error: ${lack}`);

  const status = await project.swp('status');
  expect(status.stdout).toContain('10 nodes: 4 cached, 6 blocked.');
  expect(status.stdout).toContain(`blocked: ${lack}`);
  expect((await project.swp('dag', '--show')).stdout).toContain(`blocked: ${lack}`);
  expect((await project.swp('lint')).stdout).toContain(`blocked: ${lack}`);
  expect((await project.swp('explain', 'stage=init', 'seed=7')).stdout).toMatch(
    /^\d init nodes?: blocked, A\/s7\/r0\/load lacks something: Cannot read .*seed-7/,
  );
  expect((await project.swp('metrics', 'seed=6', 'stage=init')).stderr).toBe(
    '2 selected places have no result yet. They are blocked: `swp status` says by what.',
  );
  const [{ missingInputs, nodes }] = (await project.swp('status', '--json')).json<{
    missingInputs: object[];
    nodes: { state: string; reason: object }[];
  }>() as [{ missingInputs: object[]; nodes: { state: string; reason: object }[] }];
  expect(missingInputs).toMatchObject([
    { failure: { kind: 'file', code: 'ENOENT' }, alsoMissing: ['seed-7.safetensors'], nodes: 6 },
  ]);
  expect(nodes.filter(({ state }) => state === 'blocked')).toHaveLength(6);
  const reading = [
    ['show', 'seed=0'],
    ['show', 'seed=6'],
    ['metrics'],
    ['gc', '--dry-run'],
    ['verify'],
    ['history'],
    ['estimate'],
    ['repro', '--dry-run'],
    ['invalidate', 'seed=6', '--dry-run'],
  ];
  const ended = await Promise.all(reading.map(async (words) => [...words, (await project.swp(...words)).exitCode]));
  expect(ended).toEqual(reading.map((words) => [...words, 0]));
});

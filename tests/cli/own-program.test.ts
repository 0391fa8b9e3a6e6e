/** Stages that are programs: the example runs, and what goes wrong is told. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';
import { SwpProject } from '../support/swp-project.ts';

test('the example runs; another parameter, or another line of the program, runs it again and nothing before it', async () => {
  const project = await SwpProject.create({});
  await cp(join(packageRoot, 'examples/own-stage'), project.root, { recursive: true });
  expect((await project.swp('repro')).stdout).toMatch(/20 nodes: \d cached, 1\d ran/);
  const { artifacts, metrics } = (
    await project.swp('show', 'stage=sparsity-table', 'experiment=digits', 'seed=0', '--json')
  ).json<{ artifacts: Record<string, string>; metrics: object }>()[0]!;
  expect(metrics).toEqual({ kinds: 7 });
  expect((await readFile(artifacts.table!, 'utf8')).split('\n')).toEqual([
    'kind,weights,pruned,sparsity',
    ...['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'].map((kind) =>
      expect.stringMatching(`^${kind},\\d+,\\d+,0\\.\\d\\d$`),
    ),
    '',
  ]);
  expect(
    (await project.swp('show', 'stage=count-lines', 'experiment=global', 'seed=1', '--json')).json<{
      metrics: object;
    }>()[0]!.metrics,
  ).toEqual({ lines: 8 });
  expect((await project.swp('logs', 'stage=sparsity-table', 'experiment=global', 'seed=0')).stdout).toBe(
    '7 kinds of tensors',
  );
  expect((await project.swp('repro')).stdout).toContain('20 nodes: 20 cached, 0 ran');
  await project.write('stages/count-lines.sh', `# a word more\n${await project.read('stages/count-lines.sh')}`);
  expect((await project.swp('repro')).stdout).toMatch(/20 nodes: 1[4-9] cached, [1-6] ran/);
});

describe('a program that', () => {
  let project: SwpProject;
  const manifest = {
    name: 'own',
    summary: 'A program.',
    command: ['sh', 'stages/own.sh'],
    code: ['stages/*.sh'],
    outputs: { out: { summary: 'out', file: 'out.txt' } },
  };
  beforeEach(async () => {
    project = await SwpProject.create({ name: 'own', dag: [{ step: 'own', stage: 'own' }], experiments: { A: {} } });
    await mkdir(project.path('stages'));
    await writeFile(project.path('stages/own.stage.json'), JSON.stringify(manifest));
  });
  const failsWith = async (script: string) => {
    await project.write('stages/own.sh', script);
    const { stdout, exitCode } = await project.swp('repro');
    expect(exitCode).toBe(1);
    return stdout;
  };

  test('ends with an error is told by its last words', async () => {
    expect(await failsWith('echo first >&2; echo "no such corpus" >&2; exit 3')).toContain(
      'error: A/s0/r0/own (own): no such corpus.\n  Log: ',
    );
    expect(await failsWith('exit 3')).toContain('The program ended with exit code 3.');
    expect(await failsWith('kill -9 $$')).toContain('The program was ended by SIGKILL.');
  });

  test('forgets its metrics or its output is told what is missing', async () => {
    expect(await failsWith('echo hello')).toContain(
      'The program wrote no line {"metrics": {...}} to its standard output.',
    );
    expect(await failsWith('echo \'{"metrics":{}}\'')).toContain('The stage did not write its output "out".');
  });

  test('does not exist, or whose manifest is wrong, is told with the place', async () => {
    await writeFile(
      project.path('stages/own.stage.json'),
      JSON.stringify({ ...manifest, command: ['no-such-program'] }),
    );
    expect((await project.swp('repro')).stdout).toContain(
      'This machine cannot run "no-such-program": There is no such program.',
    );
    await writeFile(project.path('stages/own.stage.json'), JSON.stringify({ ...manifest, comand: [] }));
    const wrong = await project.swp('status');
    expect([wrong.stderr, wrong.exitCode]).toEqual([
      `error: ${project.path('stages/own.stage.json')}: It must NOT have additional properties.\n  docs/stages.md says what a manifest holds.`,
      2,
    ]);
    await writeFile(project.path('stages/train.stage.json'), JSON.stringify({ ...manifest, name: 'train' }));
    await project.write('pipeline.json', {
      name: 'own',
      dag: [{ step: 'own', stage: 'train' }],
      experiments: { A: {} },
    });
    expect((await project.swp('status')).stderr).toContain('There is a stage "train" in swp already.');
  });
});

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
    expect(await failsWith('node --input-type=module -e \'import "super-weight-prunin"\'')).toContain(
      "error: A/s0/r0/own (own): Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'super-weight-prunin'",
    );
    expect(await failsWith('kill -9 $$')).toContain('The program was ended by SIGKILL.');
  });

  test('forgets its metrics or its output is told what is missing', async () => {
    expect(await failsWith('echo hello')).toContain(
      'The program wrote no line {"metrics": {...}} to its standard output.',
    );
    expect(await failsWith('echo \'{"metrics":{}}\'')).toContain('The stage did not write its output "out".');
    for (const [made, what] of [
      ['mkdir "$o"', 'a folder'],
      ['ln -s /etc/passwd "$o"', 'a link'],
      ['mkfifo "$o"', 'what is no file'],
    ])
      expect(await failsWith(`o=$(sed 's/.*"out":"\\([^"]*\\)".*/\\1/'); ${made}; echo '{"metrics":{}}'`)).toContain(
        `The stage made ${what} of its output "out"; it has to be a file.`,
      );
  });

  test('has a name that no stage can have is told what a name is', async () => {
    await project.write('stages/1st.stage.json', JSON.stringify({ ...manifest, name: '1st' }));
    await project.write(
      'pipeline.json',
      JSON.stringify({ name: 'own', dag: [{ step: 'own', stage: '1st' }], experiments: { A: {} } }),
    );
    const { stderr } = await project.swp('status');
    expect(stderr).toContain("Expected: a name of small letters, digits and '-', beginning with a letter.");
    expect(stderr).not.toContain('Did you mean');
  });

  test('does not exist, or whose manifest is wrong, is told with the place', async () => {
    await project.write('stages/own.sh', '');
    await writeFile(
      project.path('stages/own.stage.json'),
      JSON.stringify({ ...manifest, command: ['no-such-program'] }),
    );
    expect((await project.swp('repro')).stdout).toContain(
      'This machine cannot run "no-such-program": There is no such program.',
    );
    await project.write('stages/own.stage.json', { ...manifest, comand: [] });
    const wrong = await project.swp('repro');
    expect(wrong.stdout).toMatch(
      /^stages\/own\.stage\.json:\d+:3 error: "comand" is not known here\.\n.*\n.*\n {2}Did you mean "command"\?\n/m,
    );
    expect(wrong.exitCode).toBe(1);
    await writeFile(project.path('stages/train.stage.json'), JSON.stringify({ ...manifest, name: 'train' }));
    await project.write('pipeline.json', {
      name: 'own',
      dag: [{ step: 'own', stage: 'train' }],
      experiments: { A: {} },
    });
    expect((await project.swp('status')).stdout).toContain('There is a stage "train" in swp already.');
  });

  test('changes its code while it runs is not recorded as made by it', async () => {
    expect(
      await failsWith(
        'echo "# more" >> stages/own.sh; echo \'{"metrics":{}}\'; read -r l; o=${l##*\'"out":"\'}; : > "${o%%\\"*}"',
      ),
    ).toContain(
      `The code of ${project.path('stages/own.stage.json')} changed while own used it; its result was not kept.`,
    );
  });
});

test('code that no pattern names is an error of its stage at the place, or a warning; the rest of the study goes on', async () => {
  const project = await SwpProject.create({
    name: 'own',
    dag: [
      { step: 'own', stage: 'weights' },
      { step: 'init', stage: 'init' },
    ],
    experiments: { A: { params: { init: { scheme: 'xavier' } } } },
  });
  const manifest = (code: string[]) => ({
    name: 'weights',
    summary: 'A program.',
    command: ['sh', 'stages/weight-histogram.sh'],
    code,
    outputs: { out: { summary: 'out', file: 'out.txt', evictable: true } },
  });
  const script = (word: string) =>
    `read -r l; o=\${l##*'"out":"'}; echo ${word} > "\${o%%\\"*}"; echo '{"metrics":{}}'\n`;
  await project.write('stages/weights.stage.json', manifest(['stages/weight_histogram.sh']));
  await project.write('stages/weight-histogram.sh', script('one'));
  const wrong = await project.swp('repro');
  expect(wrong.exitCode).toBe(1);
  expect(wrong.stdout).toContain('2 nodes: 0 cached, 1 ran, 1 not run');
  const error = `stages/weights.stage.json:9:5 error: "stages/weight_histogram.sh" matches no file.
  9 |     "stages/weight_histogram.sh"
    |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  Did you mean "stages/weight-histogram.sh"?
  Expected: the files of the program, relative to pipeline.json.
  Asked for by A seed 0 own. Blocked by it: 1 node.`;
  expect(wrong.stdout).toContain(error);
  const linted = await project.swp('lint');
  expect(linted.exitCode).toBe(1);
  expect(linted.stdout).toContain(error.replace('error:', 'blocked:'));

  await project.write('stages/weights.stage.json', manifest([]));
  const warning = 'warning: stages/weight-histogram.sh is run, and no "code" names it';
  const warned = await Promise.all([project.swp('repro'), project.swp('status'), project.swp('lint')]);
  for (const { exitCode, stdout, stderr } of warned) {
    expect(exitCode).toBe(0);
    expect(`${stdout}${stderr}`.split(warning)).toHaveLength(2);
  }
  await project.swp('repro'); // notes that there is nothing to do
  const [events] = [(await project.swp('repro', '--json')).json<{ event: string; warnings?: object[] }>()];
  expect(events.at(-1)!.warnings).toMatchObject([{ kind: 'study', at: { file: 'stages/weights.stage.json' } }]);

  await project.write('stages/weights.stage.json', manifest(['stages/weight-*.sh']));
  expect((await project.swp('repro')).stderr).toBe('');
  await project.write('stages/weight-histogram.sh', script('two'));
  expect((await project.swp('repro')).stdout).toContain('2 nodes: 1 cached, 1 ran');

  // What a blocked place had last cannot be made again, so it is kept.
  const removed = async () =>
    (await project.swp('gc', '--dry-run', '--keep-last', '0', '--json')).json<{
      removed: { kind: string; path: string }[];
    }>()[0]!.removed;
  const before = await removed();
  await project.write('stages/weights.stage.json', manifest(['stages/nothing-*.sh']));
  const after = await removed();
  expect(before.length - after.length).toBe(1);
  expect((await project.swp('show', 'stage=weights', '--json')).json()[0]).toMatchObject({
    state: 'blocked',
    record: { stage: 'weights' },
  });
});

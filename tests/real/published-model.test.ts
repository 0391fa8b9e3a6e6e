/** Every command on a published model, by a relative path with a space: a folder, a file of weights, a GGUF file. */
import { appendFile, cp, mkdir, readFile, rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { SwpProject } from '../support/swp-project.ts';
import { tinyTextStudy, writeGguf, writePublishedFolder } from '../support/tiny-published.ts';
import { TEXT } from '../text/tiny-model.ts';

const KINDS = {
  folder: './a model',
  safetensors: './a model/model.safetensors',
  gguf: './a model/tiny one.gguf',
};

async function projectWith(kind: keyof typeof KINDS): Promise<SwpProject> {
  const project = await SwpProject.create(tinyTextStudy(KINDS[kind], './the text.txt'));
  await cp(TEXT, project.path('the text.txt'));
  if (kind === 'gguf') await writeGguf(project.path('a model/tiny one.gguf'));
  else await writePublishedFolder(project.path('a model'));
  return project;
}

test.each(['folder', 'safetensors', 'gguf'] as const)(
  '%s',
  async (kind) => {
    const project = await projectWith(kind);
    const run = await project.swp('repro', '--jobs', '1');
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toContain('1 run, 1 complete');
    const said: string[] = [];
    for (const words of [
      ['status'],
      ['dag'],
      ['dag', '--format', 'json'],
      ['lint'],
      ['verify'],
      ['estimate', '--json'],
      ['export', '--graph', 'stage=train', '-o', 'step.onnx', '--json'],
      ['bundle', '-o', 'study.tar.gz'],
      ['gc'],
      ['show', 'stage=load-pretrained', '--json'],
      ['invalidate', 'stage=prune', '--why', 'to see'],
      ['explain', 'stage=prune'],
      ['estimate', '--json', '--keep', 'none', '--jobs', '1'],
    ]) {
      const { exitCode, stdout, stderr } = await project.swp(...words);
      expect([words, exitCode, stderr.replace(/^Measuring .*$/m, '').trim()]).toEqual([words, 0, '']);
      said.push(`${words.join(' ')}\n${stdout}`);
    }
    // Where the model lies is in pipeline.json, and in nothing that is made of it.
    const place = project.path('a model');
    const [exported, shown] = ['export', 'show'].map((command) => said.find((text) => text.startsWith(command))!);
    expect(exported).not.toContain(place);
    expect(await readFile(project.path('step.onnx'), 'latin1')).not.toContain(place);
    const { record } = JSON.parse(shown!.slice(shown!.indexOf('\n'))) as { record: object };
    expect(JSON.stringify(record)).not.toContain(place);
    expect((await project.swp('repro', '--jobs', '1')).exitCode).toBe(0);
  },
  600_000,
);

test('a model that has moved is used where swp has seen it, and the place is said', async () => {
  const project = await projectWith('gguf');
  const model = project.path('a model/tiny one.gguf');
  expect(await project.swp('repro', '--jobs', '1', 'stage=prune')).toMatchObject({ exitCode: 0, stderr: '' });
  const keys = async () =>
    (await project.swp('status', '--json')).json<{ nodes: { key: string; state: string }[] }>()[0]!.nodes;
  const before = await keys();

  // A colleague has a copy, which swp reads for another study.
  const copy = project.path('else where/copy.gguf');
  await mkdir(project.path('else where'));
  await cp(model, copy);
  await project.write('other/pipeline.json', tinyTextStudy('../else where/copy.gguf', '../the text.txt'));
  const other = ['--pipeline', 'other/pipeline.json', '--cache', 'other/cache'];
  expect(await project.swp('repro', ...other, '--jobs', '1', 'stage=load-pretrained')).toMatchObject({ exitCode: 0 });
  await rm(model);
  expect(await keys()).toEqual(before);
  const status = await project.swp('status');
  expect(`${status.stdout}${status.stderr}`).toContain(`${copy} has the same weights, by their SHA-256, and is used`);
  await rm(project.path('cache/records'), { recursive: true });
  const again = await project.swp('repro', '--jobs', '1', 'stage=prune');
  expect(again.exitCode).toBe(0);
  expect(await keys()).toEqual(before);

  // One that has changed since is not it.
  await appendFile(copy, 'more');
  const gone = await project.swp('status');
  expect(gone.exitCode).toBe(2);
  expect(gone.stderr).toContain('There is no model "./a model/tiny one.gguf"');
}, 600_000);

test('a folder with a configuration and no weights is told what belongs beside it', async () => {
  const project = await projectWith('folder');
  await rm(project.path('a model/model.safetensors'));
  const { exitCode, stderr, stdout } = await project.swp('repro');
  expect(exitCode).toBe(1);
  const said = stdout + stderr;
  expect(said).toContain(`Cannot read ${project.path('a model/model.safetensors')}: there is no such file.`);
  expect(said).toContain("has a config.json of Hugging Face's and no weights. Fetch the model's weights into it");
  expect(said).not.toContain('seed-0');
});

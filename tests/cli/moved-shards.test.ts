/** A published model in shards that has moved: it is found where swp has seen the same bytes, all of them. */
import { appendFile, cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/model/safetensors.ts';
import { SwpProject } from '../support/swp-project.ts';
import { tinyTextStudy, writePublishedFolder } from '../support/tiny-published.ts';
import { TEXT } from '../text/tiny-model.ts';

/** As transformers writes a model that is larger than `max_shard_size`. */
async function divide(folder: string): Promise<void> {
  const path = join(folder, 'model.safetensors');
  const tensors = [...(await readSafetensors(path)).tensors];
  const map: Record<string, string> = {};
  for (const [index, part] of [tensors.slice(0, 5), tensors.slice(5)].entries()) {
    const name = `model-0000${index + 1}-of-00002.safetensors`;
    for (const [tensor] of part) map[tensor] = name;
    await writeSafetensors(join(folder, name), new Map(part));
  }
  await writeFile(`${path}.index.json`, JSON.stringify({ metadata: {}, weight_map: map }));
  await rm(path);
}

test('a model in shards is used where swp has seen all of them, and not where one is another', async () => {
  const project = await SwpProject.create(tinyTextStudy('./model', './text.txt'));
  await cp(TEXT, project.path('text.txt'));
  await writePublishedFolder(project.path('model'));
  await divide(project.path('model'));
  expect(await project.swp('repro', '--jobs', '1', 'stage=init')).toMatchObject({ exitCode: 0, stderr: '' });
  const nodes = async () =>
    (await project.swp('status', '--json')).json<{ nodes: { key: string; state: string }[] }>()[0]!.nodes;
  const before = await nodes();

  await mkdir(project.path('other'));
  await rename(project.path('model'), project.path('other/copy'));
  await project.write('other/pipeline.json', tinyTextStudy('./copy', '../text.txt'));
  const other = ['--pipeline', 'other/pipeline.json', '--cache', 'other/cache'];
  expect(await project.swp('repro', ...other, '--jobs', '1', 'stage=load-pretrained')).toMatchObject({ exitCode: 0 });
  expect(await nodes()).toEqual(before);
  const status = await project.swp('status');
  expect(`${status.stdout}${status.stderr}`).toContain(
    `${project.path('other/copy')} has the same weights, by their SHA-256, and is used`,
  );

  await appendFile(project.path('other/copy/model-00002-of-00002.safetensors'), 'more');
  expect((await project.swp('status')).stderr).toContain('There is no model "./model"');
}, 600_000);

/** Bundles of studies of a published model: verified without its files, and more of it where they are. */
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SwpProject } from '../support/swp-project.ts';
import { tinyTextStudy, writeGguf, writePublishedFolder } from '../support/tiny-published.ts';
import { TEXT, TINY } from '../text/tiny-model.ts';
import { fixManifest, json, pack, put, unpack } from '../bundle/study-bundle.ts';

let shared: string;
beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'swp-models-'));
  await writeGguf(join(shared, 'with a space/tiny.gguf'));
});
afterAll(() => rm(shared, { recursive: true, force: true }));

interface Verified {
  ok: boolean;
  findings: { check: string; where: string; message: string }[];
  checked: string[];
  recomputed?: { place: string; verdict: string }[];
}

test('of a GGUF file outside of the study: without it, with it, with another one', async () => {
  const gguf = join(shared, 'with a space/tiny.gguf');
  const project = await SwpProject.create(tinyTextStudy(gguf, './text.txt'));
  await cp(TEXT, project.path('text.txt'));
  const run = await project.swp('repro', '--jobs', '1');
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  await project.swp('bundle', '-o', 'study.tar.gz');
  const bundle = project.path('study.tar.gz');
  const files = await unpack(bundle);
  // The model's own 140 kB are not in it, nor a path of it but that in pipeline.json; the text is, since it is small.
  const { size } = await stat(gguf);
  expect([...files.values()].filter(({ length }) => length === size)).toEqual([]);
  expect([...files.keys()].filter((name) => name.startsWith('sources/')).sort()).toEqual([
    expect.stringMatching(/^sources\/[0-9a-f]{16}\.(model|text)\.json$/),
    expect.stringMatching(/^sources\/[0-9a-f]{16}\.(model|text)\.json$/),
    expect.stringMatching(/^sources\/files\/[0-9a-f]{64}$/),
  ]);

  // Elsewhere, where there is no such file.
  const away = join(shared, 'away');
  await mkdir(away);
  await rename(gguf, join(away, 'renamed.gguf'));
  await rm(project.path('text.txt'));
  const elsewhere = await SwpProject.create({});
  const verify = async (file: string, ...args: string[]) =>
    (await elsewhere.swp('bundle', 'verify', file, '--json', ...args)).json<Verified>()[0]!;
  const without = await verify(bundle);
  expect(without.findings).toEqual([]);
  const said = without.checked.join('\n');
  expect(said).toMatch(/\d+ places of pipeline.json planned again: the keys of all records/);
  expect(said).toMatch(/aggregate run again on \d+ bundled artifacts: the same results, bit for bit/);
  expect(said).toMatch(/not in the bundle: .*the weights of ".*tiny.gguf"/);
  const refused = await elsewhere.swp('bundle', 'verify', bundle, '--recompute', 'step=prune');
  expect([refused.exitCode, refused.stdout]).toEqual([2, '']);
  expect(refused.stderr).toMatch(/cannot run without the .* of ".*tiny.gguf": .* SHA-256 [0-9a-f]{64}/);

  const withIt = await verify(bundle, '--model', join(away, 'renamed.gguf'));
  expect(withIt.findings).toEqual([]);
  expect(withIt.checked.join('\n')).toContain("1 artifact of weights made again of the model's files");
  const again = await verify(bundle, '--model', join(away, 'renamed.gguf'), '--recompute', 'step=eval-start');
  expect(again).toMatchObject({ ok: true });
  expect(again.recomputed).toContainEqual({ place: 'A1/s0/r0/eval-start', verdict: 'same' });
  const config = join(TINY, 'config.json');
  const other = await verify(bundle, '--model', config);
  expect(other.findings).toEqual([
    { check: 'study', where: config, message: expect.stringContaining('none of its files is one') as unknown },
  ]);

  // Somebody who says that another model was read contradicts the records.
  const name = [...files.keys()].find((each) => each.endsWith('.model.json'))!;
  const model = json<{ checkpoints: { '*': { sha256: string }[] }; config: { normEpsilon: number } }>(files, name);
  model.checkpoints['*'][0]!.sha256 = '0'.repeat(64);
  put(files, name, model);
  fixManifest(files);
  const forged = await verify(await pack(join(away, 'forged.tar.gz'), files));
  expect(forged.findings[0]).toMatchObject({
    check: 'study',
    message: expect.stringMatching(/asks for model.gguf? "0{64}"; its record has "[0-9a-f]{64}"/) as unknown,
  });
}, 600_000);

test('of a folder in the study, with everything: it runs again where nothing else is', async () => {
  const project = await SwpProject.create(tinyTextStudy('./a model', './texts'));
  await writePublishedFolder(project.path('a model'));
  await mkdir(project.path('texts'));
  await cp(TEXT, project.path('texts/one.txt'));
  expect(await project.swp('repro', '--jobs', '1', 'stage=load-pretrained')).toMatchObject({ exitCode: 0 });
  const written = await project.swp('bundle', '--weights', '--texts', '-o', 'study.tar.gz');
  expect(written.exitCode).toBe(0);
  expect((await project.swp('bundle', '-o', 'light.tar.gz')).exitCode).toBe(0);
  const names = [...(await unpack(project.path('study.tar.gz'))).keys()];
  // Weights, the tokenizer's two files and the text.
  expect(names.filter((name) => name.startsWith('sources/files/'))).toHaveLength(4);
  expect(names.filter((name) => name.includes('a model'))).toEqual([]);
  const bundle = project.path('study.tar.gz');
  for (const name of await readdir(project.root))
    if (!name.endsWith('.tar.gz')) await rm(project.path(name), { recursive: true });
  const verified = await project.swp('bundle', 'verify', bundle, '--json', '--recompute', 'stage=load-pretrained');
  expect(verified.json<Verified>()[0]).toMatchObject({
    ok: true,
    findings: [],
    recomputed: expect.arrayContaining([{ place: 'A1/s0/r0/load', verdict: 'same' }]) as unknown,
  });

  // Another model with the same tokenizer, in a file of the same name.
  const other = project.path('other/model.safetensors');
  await writePublishedFolder(project.path('other'));
  const bytes = await readFile(other);
  await writeFile(other, bytes.fill(0, bytes.length - 4));
  const light = project.path('light.tar.gz');
  const mistaken = await project.swp('bundle', 'verify', light, '--json', '--model', project.path('other'));
  expect(mistaken.exitCode).toBe(1);
  expect(mistaken.json<Verified>()[0]!.findings).toEqual([
    {
      ...{ check: 'study', where: other },
      message: expect.stringContaining('it is not the file that the study read: model.safetensors of') as unknown,
    },
  ]);
}, 600_000);

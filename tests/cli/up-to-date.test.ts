/**
 * The quick way to "nothing to do" is taken only while nothing has changed: a wrong "all cached" would be the worst
 * mistake of all.
 */
import { appendFile, chmod, readFile, readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sealedJson } from '../../src/base/sealed-json.ts';
import { reseal } from '../support/reseal.ts';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

/** A study without training: quick, and all that matters here. */
function smallStudy() {
  const study = tinyStudy();
  return {
    ...study,
    dag: study.dag.slice(0, 2),
    defaults: { seeds: [0], params: {} },
    experiments: { A1: {}, A2: { params: { init: { scheme: 'xavier' } } } },
    profiles: { half: { experiments: ['A1'] } },
  };
}

async function settledProject() {
  const project = await SwpProject.create(smallStudy());
  await project.swp('repro');
  const counts = async (...args: string[]) => {
    const { nodes } = (await project.swp('repro', '--json', ...args)).json<{ nodes: object }>().at(-1)!;
    return nodes;
  };
  /** Says a wrong number, which only the quick way repeats. */
  const mark = async () => {
    const [study] = await readdir(project.path('cache/studies'));
    const folder = project.path('cache/studies', study!);
    for (const name of await readdir(folder)) {
      if (!name.startsWith('settled-')) continue;
      await reseal<{ summary: { total: number } }>(join(folder, name), ({ summary }) => void (summary.total = 99));
    }
    expect(await counts()).toMatchObject({ total: 99 });
    return folder;
  };
  return { project, counts, mark };
}
const ALL = { total: 3, cached: 3, ran: 0 };
const files = async (folder: string) =>
  (await readdir(folder, { recursive: true }))
    .filter((name) => /\.(json|safetensors)$/.test(name))
    .map((name) => join(folder, name));

test('it is taken after a run, says the same as the plan would, and is left for a selector', async () => {
  const { project, counts, mark } = await settledProject();
  expect(await counts()).toMatchObject(ALL);
  expect((await project.swp('repro', '--dry-run')).stdout).toContain('Nothing to do: all 3 nodes are cached.');
  await mark();
  expect(await counts('experiment=A1')).toMatchObject({ total: 2 });
});

test('it is not taken once the study, its size or an override is another', async () => {
  const { project, counts, mark } = await settledProject();
  await mark();
  expect(await counts('--profile', 'half')).toMatchObject({ total: 2, cached: 2 });
  const study = smallStudy();
  await project.write('pipeline.json', { ...study, description: 'other words' });
  expect(await counts()).toMatchObject(ALL);
  await mark();
  await project.write('pipeline.json', { ...study, experiments: { A1: {} } });
  expect(await counts()).toMatchObject({ total: 2, cached: 2 });
});

test('it is not taken once a result was dismissed', async () => {
  const { project, counts, mark } = await settledProject();
  await mark();
  expect((await project.swp('invalidate', 'stage=init', 'experiment=A2')).stdout).toContain('1 node selected');
  expect(await counts()).toMatchObject({ total: 3, cached: 2, ran: 1 });
});

test.each([
  ['is gone', (path: string) => rm(path)],
  ['is cut off', (path: string) => truncate(path, 10)],
  ['was written anew', async (path: string) => writeFile(path, await readFile(path))],
])('it is not taken once a record %s', async (_, damage) => {
  const { project, counts, mark } = await settledProject();
  const folder = await mark();
  const [record] = await files(project.path('cache/records'));
  await damage(record!);
  expect(await counts()).toMatchObject({ total: 3 });
  expect(folder).toContain('studies');
});

test('an evicted artifact changes nothing; one that is kept for ever is missed', async () => {
  const study = tinyStudy();
  const project = await SwpProject.create({ ...study, experiments: { A1: {} } });
  await project.swp('repro');
  const total = async () =>
    (await project.swp('repro', '--json')).json<{ nodes: { total: number; ran: number } }>().at(-1)!.nodes;
  const settled = await total();
  for (const path of await files(project.path('cache/artifacts')))
    if (path.endsWith('weights.safetensors')) await rm(path);
  expect(await total()).toEqual(settled);
  const curve = (await files(project.path('cache/artifacts'))).find((path) => path.endsWith('.json'))!;
  await chmod(curve, 0o644);
  await rm(curve);
  expect((await total()).ran).toBe(1);
});

test('a file that the study reads is looked at by stat, and a young one not trusted', async () => {
  const project = await SwpProject.create(smallStudy());
  await project.swp('repro');
  const [study] = await readdir(project.path('cache/studies'));
  const folder = project.path('cache/studies', study!);
  const name = (await readdir(folder)).find((file) => file.startsWith('settled-'))!;
  const { checksum: _, ...settled } = JSON.parse(await readFile(join(folder, name), 'utf8')) as {
    checksum: string;
    watched: Record<string, string>;
  };
  const watched = Object.keys(settled.watched);
  expect(watched.some((path) => path.endsWith('config.json'))).toBe(true);
  expect(watched.some((path) => path.endsWith('.safetensors'))).toBe(true);
  for (const path of watched) {
    const changed = {
      ...settled,
      summary: { total: 99 },
      watched: { ...settled.watched, [path]: settled.watched[path]!.replace(/^\d+/, '0') },
    };
    await writeFile(join(folder, name), sealedJson(changed));
    expect((await project.swp('repro', '--json')).json<{ nodes: object }>().at(-1)!.nodes).toMatchObject(ALL);
  }
});

test('a note that is damaged counts as none', async () => {
  const { counts, mark } = await settledProject();
  const folder = await mark();
  for (const name of await readdir(folder)) if (name.startsWith('settled-')) await truncate(join(folder, name), 100);
  expect(await counts()).toMatchObject(ALL);
  expect(await counts()).toMatchObject(ALL);
  for (const name of await readdir(folder)) if (name.startsWith('settled-')) await appendFile(join(folder, name), '}');
  expect(await counts()).toMatchObject(ALL);
  await utimes(folder, 1, 1);
});

/** A model of a study's own: found beside pipeline.json, the same wherever the study lies, and a wrong name told. */
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';
import { checkpointFiles } from '../../src/model/model-files.ts';
import { locateModel, modelFolder, modelProblems } from '../../src/model/model-name.ts';
import { openProject } from '../../src/project/project.ts';
import { smallestStudy } from '../support/smallest-study.ts';
import { SwpProject, type SwpResult } from '../support/swp-project.ts';

const BUILT_IN = join(packageRoot, 'models/marker-retrieval');

/** The standard DAG with every stage of it at work, on a model. */
async function studyOf(model: string, more: object = {}): Promise<object> {
  const { defaults, ...study } = (await smallestStudy()) as { defaults: { params: Record<string, object> } };
  const params = { ...defaults.params, rewind: { mask: 'shuffle' }, prune: { fraction: 0.1, protect: 'reference' } };
  return { ...study, defaults: { ...defaults, model, params }, ...more };
}

async function projectWith(model: string, folder?: string, more: object = {}): Promise<SwpProject> {
  const project = await SwpProject.create(await studyOf(model, more));
  if (folder !== undefined) {
    await mkdir(project.path(folder), { recursive: true });
    for (const file of ['config.json', 'seed-0.safetensors'])
      await cp(join(BUILT_IN, file), project.path(folder, file));
  }
  return project;
}

/** Recipe keys of all nodes. */
async function plannedKeys({ root }: SwpProject): Promise<string[]> {
  const { dag } = await openProject({ pipeline: join(root, 'pipeline.json') });
  expect(dag.filterNodes((_, { blocked }) => blocked !== undefined)).toEqual([]);
  return dag.nodes().sort();
}

const keysOf = (status: SwpResult) =>
  status
    .json<{ nodes: { key: string; state: string }[] }>()[0]!
    .nodes.map(({ key, state }) => `${key} ${state}`)
    .sort();

test('runs from its checkpoint to the report, and is the same in a copy of the study elsewhere', async () => {
  const project = await projectWith('./nets/mine', 'nets/mine');
  const run = await project.swp('repro');
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  expect(run.stdout).toContain('1 run, 1 complete');

  const copy = await projectWith('./nets/mine', 'nets/mine');
  const cache = ['--cache', project.path('cache')];
  const [here, there] = [await project.swp('status', '--json'), await copy.swp('status', '--json', ...cache)];
  expect(keysOf(here).every((line) => line.endsWith(' cached'))).toBe(true);
  expect(keysOf(there)).toEqual(keysOf(here));

  // What else looks into the model.
  expect(await project.swp('export', '--graph', 'stage=train', '--output', 'step.onnx')).toMatchObject({ exitCode: 0 });
  expect((await project.swp('estimate', '--fresh')).stdout).not.toContain('unknown');
  expect((await project.swp('plots', 'quality')).exitCode).toBe(0);
  // A bundle has its configuration, without which nothing could be planned again.
  await project.swp('bundle', '--output', 'study.tar.gz');
  const verified = await copy.swp('bundle', 'verify', project.path('study.tar.gz'));
  expect([verified.exitCode, verified.stderr]).toEqual([0, '']);
});

describe('is found', () => {
  test.each([
    ['./mine', 'mine'],
    ['mine', 'mine'],
    ['mine', 'models/mine'],
    ['models/mine/', 'models/mine'],
    ['.', '.'],
    ['./marker-retrieval', 'marker-retrieval'],
    ['two words, and (more)', 'two words, and (more)'],
    ['~', '~'],
  ])('by the name %s in %s', async (model, folder) => {
    const project = await projectWith(model, folder);
    expect(modelFolder(locateModel(model, project.root))).toBe(project.path(folder));
    expect(modelProblems(model, project.root)).toEqual([]);
  });

  test('by what it is: its name, its place and the form of its configuration are in no key', async () => {
    const project = await projectWith('mine', 'models/mine');
    const keys = await plannedKeys(project);
    const named = async (model: string) => {
      await project.write('pipeline.json', await studyOf(model));
      return plannedKeys(project);
    };
    expect(await named('./models/mine/')).toEqual(keys);
    expect(await named(project.path('models/mine'))).toEqual(keys);
    await cp(project.path('models/mine'), project.path('else where/mine'), { recursive: true });
    expect(await named('else where/mine')).toEqual(keys);
    const path = 'else where/mine/config.json';
    const config = JSON.parse(await project.read(path)) as Record<string, number>;
    const turned = Object.entries(config).reverse();
    await project.write(path, `\n\n${JSON.stringify(Object.fromEntries(turned))}`);
    expect(await named('else where/mine')).toEqual(keys);
    // Named by the file, only the results differ: they call the model by the last part of its path.
    const byFile = await named('else where/mine/seed-0.safetensors');
    expect(byFile.filter((key) => !keys.includes(key))).toHaveLength(1);
    await project.write(path, { ...config, normEpsilon: 10 * config.normEpsilon! });
    expect((await named('else where/mine')).filter((key) => keys.includes(key))).toEqual([]);
  });

  test('as the built-in one by a name that is built in', async () => {
    const project = await projectWith('marker-retrieval', 'marker-retrieval');
    await project.write('marker-retrieval/config.json', 'of nobody');
    expect((await project.swp('status')).exitCode).toBe(0);
  });
});

test('without a language, what reads sequences is refused before anything runs', async () => {
  const project = await projectWith('./mine', 'mine');
  const { corpus: _, ...config } = JSON.parse(await project.read('mine/config.json')) as Record<string, unknown>;
  await project.write('mine/config.json', config);
  const { exitCode, stderr } = await project.swp('status');
  expect(exitCode).toBe(2);
  expect(stderr).toContain('detect-sw has nothing to read: the configuration of ');
  expect(stderr).toContain('Expected: "corpus": { "text": "FILE" } beside "model"');
});

describe('of a name that is no model', () => {
  test('the place is shown, with what is built in, where it was looked for, and what was meant', async () => {
    const project = await projectWith('marker-retreival');
    const { exitCode, stdout, stderr } = await project.swp('status');
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^pipeline\.json:\d+:14 error: There is no model "marker-retreival": /);
    expect(stderr).toContain('"model": "marker-retreival"');
    expect(stderr).toContain(
      `nothing at ${project.path('marker-retreival')} or ${project.path('models/marker-retreival')}`,
    );
    expect(stderr).toContain('Did you mean "marker-retrieval"?');
    expect(stderr).toMatch(/Expected: "marker-retrieval", .*"marker-retrieval-no-bos", which are built in/);
  });

  test('wherever it stands', async () => {
    const params = { 'load-pretrained': { model: './nets/min' } };
    const project = await projectWith('marker-retrieval', 'nets/mine', {
      experiments: { A: { params }, B: { model: 'mien' } },
    });
    await mkdir(project.path('models'));
    await cp(project.path('nets/mine'), project.path('models/mine'), { recursive: true });
    const { stderr } = await project.swp('status');
    expect(stderr).toContain(
      `There is no model "./nets/min": none is built in, and there is nothing at ${project.path('nets/min')}.`,
    );
    expect(stderr).toContain('"model": "./nets/min"');
    expect(stderr).toContain('Did you mean "./nets/mine"?');
    expect(stderr).toContain('There is no model "mien"');
    expect(stderr).toContain('"model": "mien"');
    expect(stderr).toContain('2 mistakes.');
  });

  test.each(['', 'mi\nne', 'mine\u0000'])('%j cannot be one', async (model) => {
    const { exitCode, stderr } = await (await projectWith(model)).swp('status');
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^pipeline\.json:\d+:14 error: ".*" is not possible here\./);
    expect(stderr).toContain("from the study's folder, such as ./models/mine");
  });

  test('a file of another kind, and a "~" that no shell has replaced, are told', async () => {
    const { root } = await projectWith('marker-retrieval');
    await writeFile(join(root, 'pytorch_model.bin'), '');
    const [bin] = modelProblems('pytorch_model.bin', root);
    expect(bin!.message).toBe(
      `"pytorch_model.bin" is no model: ${join(root, 'pytorch_model.bin')} is neither a folder nor a .gguf or .safetensors file`,
    );
    expect(modelProblems('~/mine', root)[0]!.message).toContain('"~" is not read as your home: write the whole path');
  });

  test('a folder without a configuration blocks what needs it, and says what belongs there', async () => {
    const project = await projectWith('./mine');
    await mkdir(project.path('mine'));
    const { exitCode, stdout } = await project.swp('status');
    expect(exitCode).toBe(0);
    expect(stdout).toContain(project.path('mine/config.json'));
    expect(stdout).toContain('A model is a folder with a config.json');
  });

  test('of a published model that cannot be read, one thing is told: what is wrong with it', async () => {
    const project = await projectWith('./mine');
    await cp('tests/model/published/llama-grouped', project.path('mine'), { recursive: true });
    await writeFile(project.path('mine/config.json'), '{"architectures": ["LlamaForCausalLM"],}');
    const damaged = await project.swp('status');
    expect(damaged.stdout).toContain('mine/config.json:1:40');
    expect(damaged.stdout).not.toContain('seed-0.safetensors');

    await cp('tests/model/published/llama-grouped/config.json', project.path('mine/config.json'));
    await rm(project.path('mine/reference.safetensors'));
    await rename(project.path('mine/model.safetensors'), project.path('mine/pytorch_model.bin'));
    const [missing] = checkpointFiles(project.path('mine'), 0);
    const { path, remedy } = missing!;
    expect(path).toBe(project.path('mine/model.safetensors'));
    expect(typeof remedy === 'function' ? remedy() : remedy).toContain(
      'has "pytorch_model.bin", and swp reads safetensors. Load the model with transformers',
    );

    await rm(project.path('mine/pytorch_model.bin'));
  });
});

/**
 * A stage of a study's own in the place of prune: the TypeScript example of docs/stages.md is compiled and runs from
 * training to the report, and a stage that writes something else fails by itself, with a word that says what.
 */
import { cp, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { format } from 'prettier';
import { expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';
import { smallestStudy } from '../support/smallest-study.ts';
import { SwpProject } from '../support/swp-project.ts';

const EXAMPLE = join(packageRoot, 'examples/own-pruning');

/** The example's study, where the package is installed beside it. */
async function exampleProject(): Promise<SwpProject> {
  const project = await SwpProject.create({});
  await cp(EXAMPLE, project.root, { recursive: true });
  await mkdir(project.path('node_modules'));
  await symlink(packageRoot, project.path('node_modules/super-weight-pruning'));
  return project;
}

async function typescriptExample(): Promise<string> {
  const page = await readFile(join(packageRoot, 'docs/stages.md'), 'utf8');
  return /^```ts\n(\/\/ stages\/n-of-m\.mts\n.*?)^```$/ms.exec(page)![1]!;
}

interface Row {
  experiment: string;
  stage: string;
  round: number;
  metrics: { sparsity: number };
}

const compile = (project: SwpProject, ...options: string[]) =>
  execa(
    process.execPath,
    [
      join(packageRoot, 'node_modules/@typescript/native/bin/tsc'),
      ...['--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext', '--types', 'node'],
      ...['--typeRoots', join(packageRoot, 'node_modules/@types'), ...options],
    ],
    { cwd: project.root, reject: false },
  );

test('the documented example compiles, prunes from training to the report, and the report names what pruned', async () => {
  const project = await exampleProject();
  const written = await project.read('stages/n-of-m.mjs');
  const example = await typescriptExample();
  await writeFile(project.path('stages/n-of-m.mts'), example);
  await writeFile(project.path('wrong.mts'), example.replace("job.input('weights')", 'job.input(1)'));
  const strictest = ['--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes', '--erasableSyntaxOnly'];
  const compiled = await compile(project, ...strictest, 'stages/n-of-m.mts', 'wrong.mts');
  expect(compiled.stdout).toMatch(/^wrong\.mts\(\d+,\d+\): error TS2345: [^\n]*$/);
  const withoutTypes = await format(await project.read('stages/n-of-m.mjs'), {
    parser: 'babel',
    printWidth: 120,
    singleQuote: true,
  });
  const lines = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('//'));
  expect(lines(withoutTypes)).toEqual(lines(written)); // the example in JavaScript is the same program

  // As small as it can be; the report is of no less.
  const study = JSON.parse(await project.read('pipeline.json')) as { defaults: object };
  const { params } = ((await smallestStudy()) as { defaults: { params: Record<string, object> } }).defaults;
  const { prune: _, ...small } = params;
  await project.write('pipeline.json', { ...study, defaults: { ...study.defaults, params: small } });
  const ran = await project.swp('repro', 'experiment=two-of-four');
  expect([ran.exitCode, ran.stderr]).toEqual([0, '']);
  const [measured] = (await project.swp('metrics', '--json')).json<{ rows: Row[] }>();
  const own = measured!.rows.filter(({ experiment }) => experiment === 'two-of-four');
  const rowsOf = (wanted: string) => own.filter(({ stage }) => stage === wanted);
  expect(rowsOf('n-of-m').map(({ round, metrics }) => [round, metrics])).toEqual([
    [1, expect.objectContaining({ sparsity: 0.25, pattern: '1 of 4' })],
    [2, expect.objectContaining({ sparsity: 0.5, pattern: '2 of 4' })],
  ]);
  expect(rowsOf('eval').map(({ metrics }) => metrics.sparsity)).toEqual([0, 0.25, 0.5]);
  const [folder] = await readdir(project.path('report'));
  const pages = await Promise.all(
    (await readdir(project.path('report', folder!)))
      .filter((file) => file.endsWith('.html'))
      .map((file) => readFile(project.path('report', folder!, file), 'utf8')),
  );
  const report = pages.join('\n').replaceAll('&quot;', '"');
  expect(report).toContain('own stage "n-of-m"');
  expect(/.{0,60}by magnitude.{0,60}/i.exec(report)?.[0]).toBeUndefined();
});

/** Deeds after a pruning that is right. What else can be wrong is tried in tests/science/pruning-check.test.ts. */
const DEEDS: Record<string, [code: string, error: string]> = {
  none: ['', ''],
  unmasked: [
    "await writeSafetensors(job.output('weights'), weights)",
    'weights.safetensors: The weight [0, 0] of model.layers.0.self_attn.q_proj.weight is ',
  ],
  bytes: ["await writeFile(job.output('weights'), 'hello')", 'weights.safetensors: '],
  nan: [
    "await writeFile(job.output('pruning'), (await readFile(job.output('pruning'), 'utf8')).replace('\"threshold\":null', '\"threshold\":NaN'))",
    'pruning.json: This artifact is not JSON',
  ],
};

test('a stage in the place of prune that writes something else fails by itself, and says which tensor is wrong', async () => {
  const project = await exampleProject();
  const code = Object.entries(DEEDS).map(([name, [deed]]) => `  if (job.params.deed === '${name}') { ${deed} }`);
  await project.write(
    'stages/n-of-m.mjs',
    `import { readFile, writeFile } from 'node:fs/promises';
import { modelTensors, readWeights, runStageProgram, writePruning, writeSafetensors } from 'super-weight-pruning';
await runStageProgram(async (job) => {
  const weights = await readWeights(job.input('weights'));
  const tensors = await modelTensors('marker-retrieval');
  const first = 'model.layers.0.self_attn.q_proj.weight';
  const data = new Uint8Array(weights.get(first).data.length).fill(1);
  data[0] = 0;
  const masks = new Map([[first, { shape: weights.get(first).shape, data }]]);
  const metrics = await writePruning(job, { weights, masks, tensors });
${code.join('\n')}
  return metrics;
});
`,
  );
  const manifest = JSON.parse(await project.read('stages/n-of-m.stage.json')) as Record<string, unknown>;
  const params = { type: 'object', properties: { deed: { enum: Object.keys(DEEDS) } } };
  await project.write('stages/n-of-m.stage.json', { ...manifest, params });
  const study = {
    name: 'deeds',
    dag: [
      { step: 'load', stage: 'load-pretrained' },
      { step: 'prune', stage: 'n-of-m', inputs: { weights: 'load.weights' } },
    ],
    experiments: Object.fromEntries(Object.keys(DEEDS).map((deed) => [deed, { params: { 'n-of-m': { deed } } }])),
  };
  await project.write('pipeline.json', study);
  const { stdout, exitCode } = await project.swp('repro');
  expect([exitCode, stdout]).toEqual([1, expect.stringContaining('2 ran, 3 failed') as string]);
  for (const [deed, [, error]] of Object.entries(DEEDS))
    if (error !== '') expect(stdout).toContain(`error: ${deed}/s0/r0/prune (n-of-m): ${error}`);

  // Without the word, it is no pruning that the results may be made of.
  await project.write('stages/n-of-m.stage.json', { ...manifest, params, replaces: undefined });
  const [, prune] = study.dag;
  await project.write('pipeline.json', {
    ...study,
    dag: { extends: 'standard', steps: [{ ...prune, inputs: { weights: 'init.weights' } }] },
  });
  expect((await project.swp('status')).stderr).toContain('the stage "n-of-m" does not say that it replaces "prune"');
});

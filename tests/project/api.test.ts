/** The package as another program sees it: the documented example, its types, what is packed, and what is thrown. */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';
import { openStudy, SwpError, type SwpEvent } from '../../src/index.ts';
import { smallestStudy } from '../support/smallest-study.ts';

let folder: string;
let example: string;

/** A project of somebody who installed the package. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-api-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(packageRoot, join(folder, 'node_modules/super-weight-pruning'));
  await writeFile(join(folder, 'pipeline.json'), JSON.stringify(await smallestStudy()));
  const text = await readFile(join(packageRoot, 'docs/api.md'), 'utf8');
  example = /^```js\n(.*?)^```$/ms.exec(text)![1]!;
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function open(options: { pipeline?: string } = {}) {
  return openStudy({ pipeline: join(folder, 'pipeline.json'), cache: join(folder, 'cache'), ...options });
}

test('the documented example runs where the package is installed, and prints what it says', async () => {
  await writeFile(join(folder, 'example.mjs'), example);
  const { stdout, stderr } = await execa(process.execPath, ['example.mjs'], { cwd: folder });
  expect(stderr).toBe('');
  const { name } = JSON.parse(await readFile(join(folder, 'pipeline.json'), 'utf8')) as { name: string };
  const [plan, ...lines] = stdout.split('\n');
  expect(plan).toMatch(new RegExp(`^${name}: (\\d+) of \\1 nodes to run$`));
  expect(lines).toContain('train ran');
  expect(lines).toContainEqual(expect.stringMatching(/^A1 0 eval-pruned \d+\.\d+$/));
  expect(lines.at(-1)).toBe(`1 runs; the report is ${join(folder, 'report/all/index.html')}`);
});

test('the documented example passes a strict type check; a misspelt option and an unknown event do not', async () => {
  const misspelt = example.replace('jobs: 2', 'jbos: 2');
  const unknown = example.replace("'node-end'", "'node-ended'");
  await writeFile(join(folder, 'example.mts'), example);
  await writeFile(join(folder, 'misspelt.mts'), misspelt);
  await writeFile(join(folder, 'unknown.mts'), unknown);
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2022'];
  const types = ['--types', 'node', '--typeRoots', join(packageRoot, 'node_modules/@types')];
  const files = ['example.mts', 'misspelt.mts', 'unknown.mts'];
  const tsc = join(packageRoot, 'node_modules/@typescript/native/bin/tsc');
  const { stdout } = await execa(process.execPath, [tsc, ...options, ...types, ...files], {
    cwd: folder,
    reject: false,
  });
  expect(stdout).not.toContain('example.mts');
  expect(stdout).toMatch(/^misspelt\.mts.*'jbos' does not exist in type 'RunOptions'/m);
  expect(stdout).toMatch(/^unknown\.mts.*"node-ended"' have no overlap/m);
});

test('a study that has run is planned as cached; its records lead to its artifacts', async () => {
  const study = await open();
  expect(study.experiments).toMatchObject([{ id: 'A1', seeds: [0], rounds: 1 }]);
  const nodes = await study.plan();
  expect(new Set(nodes.map(({ state }) => state))).toEqual(new Set(['cached']));
  const [trained] = await study.records(['stage=train', 'experiment=A1']);
  expect(trained).toMatchObject({ stage: 'train', state: 'cached', params: { steps: 3 } });
  const curve = JSON.parse(await readFile(trained!.artifacts.curve!, 'utf8')) as object;
  expect(curve).toHaveProperty('steps', 3);
  expect((await study.results())!.runs).toMatchObject([{ experiment: 'A1', seed: 0, status: 'complete' }]);
  const { html, summary } = await study.report();
  expect(await readFile(html, 'utf8')).toContain('<html');
  expect(summary.join('\n')).toContain('1 run, 1 complete');
});

test('a run that finds nothing to do says so in its events and its outcome', async () => {
  const events: SwpEvent[] = [];
  const { nodes, failures } = await (await open()).run({ onEvent: (event) => events.push(event) });
  expect(nodes).toMatchObject({ ran: 0, failed: 0, cached: nodes.total });
  expect(failures).toEqual([]);
  expect(events.map(({ event }) => event)).toEqual(['plan', 'summary']);
});

test('what a user can get wrong is thrown as data', async () => {
  const failureOf = async (work: Promise<unknown>) => {
    const error = await work.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SwpError);
    return (error as SwpError).failure;
  };
  expect(await failureOf(open({ pipeline: join(folder, 'absent.json') }))).toMatchObject({
    kind: 'file',
    operation: 'read',
  });
  const study = await open();
  expect(await failureOf(study.plan(['experiment=A2']))).toMatchObject({ kind: 'usage' });
  expect(await failureOf(study.metrics([], 'nothing'))).toMatchObject({ kind: 'usage' });
});

test('a run that is stopped before it begins computes nothing, and says by what it was stopped', async () => {
  const study = await openStudy({ pipeline: join(folder, 'pipeline.json'), cache: join(folder, 'another-cache') });
  const controller = new AbortController();
  const events: SwpEvent[] = [];
  const running = study.run({
    signal: controller.signal,
    onEvent: (event) => {
      events.push(event);
      if (event.event === 'plan') controller.abort('enough');
    },
  });
  const { nodes, stopped, report } = await running;
  expect([stopped, report]).toEqual(['enough', undefined]);
  expect(nodes.ran).toBe(0);
  expect(events.at(-1)).toMatchObject({ event: 'summary', stopped: 'enough' });
});

test('an onEvent that throws stops the run, and the program is told; the next run goes on', async () => {
  const study = await openStudy({ pipeline: join(folder, 'pipeline.json'), cache: join(folder, 'throwing-cache') });
  const told: string[] = [];
  const running = study.run({
    onEvent: ({ event }) => {
      told.push(event);
      // It arrives as a message of a worker, where nobody would catch an exception.
      if (event === 'node-progress') throw new Error('the listener fails');
    },
  });
  await expect(running).rejects.toThrow('the listener fails');
  expect(told.at(-1)).toBe('node-progress');
  const { nodes } = await study.run();
  expect(nodes).toMatchObject({ failed: 0, blocked: 0 });
});

test('options of a wrong name or type are refused before anything is done', async () => {
  const study = await open();
  const wrong: [call: () => Promise<unknown>, message: string][] = [
    [() => openStudy({ pipelin: 'pipeline.json' } as object), 'openStudy has no option "pipelin".'],
    [() => openStudy(null as never), 'The options of openStudy are null.'],
    [() => openStudy({ cache: 5 } as never), '"cache" of openStudy is 5.'],
    [() => study.run({ jobs: 0 }), '"jobs" of run is 0.'],
    [() => study.run({ jobs: 1.5 }), '"jobs" of run is 1.5.'],
    [() => study.run({ memoryPerNode: '8GB' } as never), '"memoryPerNode" of run is "8GB".'],
    [() => study.run({ signal: new AbortController() } as never), '"signal" of run is an object.'],
    [() => study.plan('stage=train' as never), '"select" of plan is "stage=train".'],
    [() => study.records([5] as never), '"select" of records is a list.'],
    [() => study.metrics([], 5 as never), '"columns" of metrics is 5.'],
  ];
  for (const [call, message] of wrong)
    await expect(call(), message).rejects.toMatchObject({ failure: { kind: 'usage', message } });
});

test('the packed package has the entry, its types, and what they stand on', async () => {
  const { stdout } = await execa('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: packageRoot });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const packed = new Set(files.map(({ path }) => path));
  const { exports } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as {
    exports: Record<string, string | Record<string, string>>;
  };
  const named = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  );
  for (const path of named.filter((each) => !each.includes('*'))) expect(packed).toContain(path.replace('./', ''));
  const { build } = JSON.parse(await readFile(join(packageRoot, 'dist/current.json'), 'utf8')) as { build: string };
  for (const path of ['index.js', 'types/index.d.ts', 'types/project/open-study.d.ts'])
    expect(packed).toContain(`dist/${build}/${path}`);
});

/** A stage of one's own: a file in stages/ and a line in pipeline.json, in a checkout of its own. */
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';

let checkout: string;
beforeAll(async () => {
  checkout = await mkdtemp(join(tmpdir(), 'swp-checkout-'));
  for (const part of ['bin', 'build', 'schemas', 'src', 'stages', 'templates', 'package.json', 'package-lock.json'])
    await cp(join(packageRoot, part), join(checkout, part), { recursive: true });
  await symlink(join(packageRoot, 'node_modules'), join(checkout, 'node_modules'));
});
afterAll(() => rm(checkout, { recursive: true }));

const swp = (...args: string[]) =>
  execa(process.execPath, [join(checkout, 'bin/swp.js'), ...args], { cwd: checkout, reject: false });

const stage = (word: string) => `
  import { writeFile } from 'node:fs/promises';
  import { defineStage } from '../src/engine/stage.ts';
  export default defineStage<{ times: number }>({
    name: 'greet',
    summary: 'Writes a greeting.',
    params: { type: 'object', additionalProperties: false, properties: { times: { type: 'integer', default: 1 } } },
    inputs: {},
    outputs: { text: { summary: 'The greeting.', file: 'text.txt' } },
    async run(job) {
      await writeFile(job.output('text'), '${word} '.repeat(job.params.times));
      return { word: '${word}' };
    },
  });`;

test('a new stage is found, and its changed code reruns it, without anyone calling a build', async () => {
  await writeFile(
    join(checkout, 'pipeline.json'),
    JSON.stringify({
      name: 'own',
      dag: [{ step: 'greet', stage: 'greet' }],
      experiments: { A: { params: { greet: { times: 2 } } } },
    }),
  );
  expect((await swp('status')).stderr).toContain('There is no stage "greet".');

  await writeFile(join(checkout, 'stages/greet.ts'), stage('hello'));
  expect((await swp('repro')).stdout).toContain('1 node: 0 cached, 1 ran');
  expect((await swp('repro')).stdout).toContain('1 node: 1 cached, 0 ran');

  await writeFile(join(checkout, 'stages/greet.ts'), `// a comment\n${stage('hello')}`);
  expect((await swp('repro')).stdout).toContain('1 node: 1 cached, 0 ran');

  await writeFile(join(checkout, 'stages/greet.ts'), stage('good day'));
  expect((await swp('repro')).stdout).toContain('1 node: 0 cached, 1 ran');
  const shown = JSON.parse((await swp('show', 'stage=greet', '--json')).stdout) as { metrics: unknown };
  expect(shown.metrics).toEqual({ word: 'good day' });

  // A mistake in a stage is no matter to the nodes of the others.
  await writeFile(join(checkout, 'stages/greet.ts'), `${stage('good day')} }`);
  const broken = await swp('status');
  expect(broken.exitCode).toBe(0);
  expect(broken.stdout).toMatch(/blocked: .*: The stage cannot be loaded: stages\/greet\.ts:\d+:\d+: Unexpected "}"\./);
  await writeFile(join(checkout, 'stages/greet.ts'), `${stage('good day')}\nawait import(process.argv[1]!);`);
  expect((await swp('status')).stderr).toContain(
    'stages/greet.ts imports a module whose name is only known when it runs: its code would be in no key.',
  );

  await rm(join(checkout, 'stages/greet.ts'));
  expect((await swp('status')).stderr).toContain('There is no stage "greet".');
});

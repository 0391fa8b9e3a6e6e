/** Where -o, --output leads: one option with the same rules for every command that has it. */
import { mkdir, readdir, stat, symlink } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { SwpError } from '../../src/base/failure.ts';
import { outputFile } from '../../src/project/output-file.ts';
import type { Project } from '../../src/project/project.ts';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

const EXPORT = ['export', '--graph', 'stage=train'];

test('folders are made, an earlier result is replaced, and the path is relative to the working folder', async () => {
  const project = await SwpProject.create(tinyStudy());
  for (const option of ['-o', '--output']) {
    const { exitCode, stdout } = await project.swp(...EXPORT, option, 'new/folder/step.onnx');
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining(project.path('new/folder/step.onnx'))]);
  }
  for (const format of ['html', 'json']) {
    const { exitCode, stdout } = await project.swp('dag', '--format', format, '-o', `drawn/dag.${format}`);
    expect([exitCode, stdout]).toEqual([0, project.path(`drawn/dag.${format}`)]);
  }
  expect((await project.swp('dag', '--format', 'json', '-o', 'drawn/dag.json')).exitCode).toBe(0);
  const printed = await project.swp('dag', '--format', 'json', '-o', '-');
  expect(`${printed.stdout}\n`).toBe(await project.read('drawn/dag.json'));
  expect(await readdir(project.path('drawn'))).toHaveLength(2);
});

test('a file goes to standard output whole, and what is said of it to standard error', async () => {
  const project = await SwpProject.create(tinyStudy());
  await project.swp(...EXPORT, '-o', 'step.onnx');
  const { stdout, stderr, exitCode } = await project.swp(...EXPORT, '-o', '-');
  expect(exitCode).toBe(0);
  expect(Buffer.from(stdout).subarray(0, 9)).toEqual(Buffer.from(await project.read('step.onnx')).subarray(0, 9));
  expect(stderr).toContain('A training step of marker-retrieval');
  const both = await project.swp(...EXPORT, '-o', '-', '--json');
  expect([both.exitCode, both.stdout, both.stderr]).toEqual([
    2,
    '',
    'error: --output - and --json both write to standard output.\n  Expected: one of them, or a file for --output.',
  ]);
});

test('what swp did not write is not replaced', async () => {
  const project = await SwpProject.create(tinyStudy());
  await mkdir(project.path('folder'));
  await project.write('notes.txt', 'my notes');
  await project.write('empty.onnx', '');
  const before = await stat(project.path('pipeline.json'));
  await mkdir(project.path('cache'));
  await symlink('pipeline.json', project.path('link.json'));
  await symlink('cache', project.path('results'));
  const refused: [output: string, failure: object][] = [
    ['folder', { message: '--output FOLDER/folder is a folder.', expected: 'a file, such as FOLDER/folder/a.onnx' }],
    ['nowhere/', { message: '--output FOLDER/nowhere/ is a folder.' }],
    ['pipeline.json', { message: '--output FOLDER/pipeline.json is the study itself.' }],
    ['link.json', { message: '--output FOLDER/link.json is the study itself.' }],
    ['notes.txt', { message: '--output FOLDER/notes.txt is there and is no .onnx file: it is not replaced.' }],
    ['cache/step.onnx', { message: '--output FOLDER/cache/step.onnx is in the cache.' }],
    ['results/step.onnx', { message: '--output FOLDER/results/step.onnx is in the cache.' }],
    ['notes.txt/step.onnx', { kind: 'file', operation: 'write' }],
  ];
  const places = { study: { path: project.path('pipeline.json') }, cache: { directory: project.path('cache') } };
  for (const [output, failure] of refused) {
    const { failure: found } = refusalOf(() =>
      outputFile(places as Project, `${project.root}/${output}`, { what: '.onnx file', begins: '\b', name: 'a.onnx' }),
    );
    const text = JSON.stringify(found).replaceAll(project.root, 'FOLDER').replaceAll('\\"', '');
    expect(JSON.parse(text), output).toMatchObject(failure);
  }
  const { exitCode, stderr } = await project.swp(...EXPORT, '-o', 'notes.txt');
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('--output "notes.txt" is there and is no .onnx')]);
  expect((await project.swp(...EXPORT, '-o', '')).stderr).toContain(
    "error: option '-o, --output <file>' argument '' is invalid. It must not be empty.",
  );
  expect(await project.read('notes.txt')).toBe('my notes');
  expect((await stat(project.path('pipeline.json'))).mtimeMs).toBe(before.mtimeMs);
  expect(await readdir(project.root)).not.toContain('nowhere');
  expect((await project.swp(...EXPORT, '-o', 'empty.onnx')).exitCode).toBe(0);
  expect((await project.swp('dag', '-o', 'dag.txt')).stderr).toContain('the drawing goes to the terminal');
});

function refusalOf(work: () => unknown): SwpError {
  try {
    work();
  } catch (error) {
    return error as SwpError;
  }
  throw new Error('It was not refused.');
}

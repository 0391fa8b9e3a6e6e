/** Where -o, --output leads: one option with the same rules for every command that has it. */
import { mkdir, readdir, stat } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

const EXPORT = ['export', '--graph', 'stage=train'];

test('folders are made, an earlier result is replaced, and the path is relative to the working folder', async () => {
  const project = await SwpProject.create(tinyStudy());
  for (const option of ['-o', '--output']) {
    const { exitCode, stdout } = await project.swp(...EXPORT, option, 'new/folder/step.onnx');
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining(project.path('new/folder/step.onnx'))]);
  }
  for (const format of ['html', 'mermaid', 'dot', 'json']) {
    const { exitCode, stdout } = await project.swp('dag', '--format', format, '-o', `drawn/dag.${format}`);
    expect([exitCode, stdout]).toEqual([0, project.path(`drawn/dag.${format}`)]);
    expect((await project.swp('dag', '--format', format, '-o', `drawn/dag.${format}`)).exitCode).toBe(0);
    const printed = await project.swp('dag', '--format', format, '-o', '-');
    expect(`${printed.stdout}\n` === (await project.read(`drawn/dag.${format}`)), format).toBe(true);
  }
  expect(await readdir(project.path('drawn'))).toHaveLength(4);
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
  const refused: [string, string][] = [
    ['folder', '--output "folder" is a folder.\n  Expected: a file, such as "folder/train.onnx".'],
    ['folder/', '--output "folder/" is a folder.'],
    ['nowhere/', '--output "nowhere/" is a folder.\n  Expected: a file, such as "nowhere/train.onnx".'],
    ['pipeline.json', '--output "pipeline.json" is the study itself.'],
    ['notes.txt', '--output "notes.txt" is there and is no .onnx file: it is not replaced.'],
    ['cache/step.onnx', '--output "cache/step.onnx" is in the cache.'],
    ['notes.txt/step.onnx', 'error: Cannot write'],
    ['', "error: option '-o, --output <file>' argument '' is invalid. It must not be empty."],
  ];
  for (const [output, text] of refused) {
    const { exitCode, stderr } = await project.swp(...EXPORT, '-o', output);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(text)]);
  }
  expect(await project.read('notes.txt')).toBe('my notes');
  expect((await stat(project.path('pipeline.json'))).mtimeMs).toBe(before.mtimeMs);
  expect(await readdir(project.root)).not.toContain('nowhere');
  expect((await project.swp(...EXPORT, '-o', 'empty.onnx')).exitCode).toBe(0);
  expect((await project.swp('dag', '-o', 'dag.txt')).stderr).toContain('the drawing goes to the terminal');
});

/** swp detect: a model is searched without a study, and mistakes are told in terms of the command. */
import { existsSync } from 'node:fs';
import { mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import picocolors from 'picocolors';
import { expect, test } from 'vitest';
import schema from '../../schemas/artifacts/super-weights.schema.json' with { type: 'json' };
import { detectionLines } from '../../src/cli/detection-text.ts';
import type { Candidate, SuperWeightReport } from '../../src/generated/super-weights.ts';
import { SwpProject } from '../support/swp-project.ts';
import { writePublishedFolder } from '../support/tiny-published.ts';
import { TEXT, TINY } from '../text/tiny-model.ts';

test('a model is searched on a text, and a built-in one on its language; nothing is left behind', async () => {
  const project = await SwpProject.create({ name: 'unused', dag: [], experiments: {} });
  const text = `${TINY}/text.txt`;
  const found = await project.swp('detect', TINY, '--text', text, '--sequences', '2', '--length', '16', '--json');
  expect(found).toMatchObject({ exitCode: 0, stderr: '' });
  const [report] = found.json<SuperWeightReport>() as [SuperWeightReport];
  const valid = new Ajv().compile(schema);
  expect(valid(report), JSON.stringify(valid.errors)).toBe(true);
  expect(report).toMatchObject({ causalTokens: 32, referenceStatus: 'self' });
  expect(report.joint).toBeInstanceOf(Array);
  const cheap = (count: number) => ({
    ...report,
    candidates: Array<Candidate>(count).fill({ ...report.candidates[0]!, effect: 0, confirmed: false }),
  });
  const lines = (count: number) => detectionLines(cheap(count), picocolors.createColors(false));
  expect(lines(1)).toContain('1 candidate cost less than 0.001 nats.');
  expect(lines(2)).toContain('2 candidates cost less than 0.001 nats each.');

  const told = await project.swp('detect', 'marker-retrieval', '--sequences', '8', '--controls', '1');
  expect(told).toMatchObject({ exitCode: 0, stderr: '' });
  expect(told.stdout).toMatch(/^Loss 2\.\d+ nats per token over 512 tokens\./);
  expect(told.stdout).toMatch(/^0 +\[36, 67\] .* super weight$/m);
  expect(told.stdout).toMatch(/^1 super weight confirmed\.\n {2}layer 0 \[36, 67\]: Confirmed: zeroing it costs/m);
});

test('a model or a text that is not there is said at once', async () => {
  const project = await SwpProject.create({ name: 'unused', dag: [], experiments: {} });
  const model = await project.swp('detect', 'marker-retrieva', '--text', 'a.txt');
  expect(model.exitCode).toBe(2);
  expect(model.stderr).toContain('There is no model "marker-retrieva"');
  const text = await project.swp('detect', TINY, '--text', 'a.txt');
  expect(text.exitCode).toBe(2);
  expect(text.stderr).toMatch(/There is no text at .*a\.txt\./);
});

test('mistakes are told in terms of the command, not of a study that nobody wrote', async () => {
  const project = await SwpProject.create({ name: 'unused', dag: [], experiments: {} });
  const textless = await project.swp('detect', TINY);
  expect(textless.exitCode).toBe(2);
  expect(textless.stderr).toMatch(/^error: detect-sw has nothing to read/);
  expect(textless.stderr).toContain('--text FILE');
  expect(textless.stderr).not.toContain('swp-detect-');

  await project.write('short.txt', 'a whale, a short text of whales');
  const short = await project.swp('detect', TINY, '--text', 'short.txt', '--sequences', '2', '--length', '16');
  expect(short.exitCode).toBe(1);
  expect(short.stderr).toContain('and 2 are asked for, none twice.\n');
  expect(short.stderr).toContain(
    'Expected: fewer or shorter sequences (--sequences, --length), or more text (--text).',
  );
  expect(short.stderr).not.toContain('tokenize.');
});

test('a log is named where it stays: in a cache of its own, and not in the folder that goes', async () => {
  const project = await SwpProject.create({ name: 'unused', dag: [], experiments: {} });
  await project.write('a.txt', 'whale\0');
  const words = ['detect', TINY, '--text', 'a.txt', '--sequences', '2', '--length', '16'];
  const lost = await project.swp(...words);
  expect([lost.exitCode, lost.stderr]).toEqual([1, expect.stringContaining('it has a NUL character')]);
  expect(lost.stderr).not.toMatch(/Log:|swp-detect-/);
  const kept = await project.swp(...words, '--cache', 'own');
  const [, log] = /Log: (.*)/.exec(kept.stderr)!;
  expect(existsSync(resolve(project.root, log!))).toBe(true);
});

test("in the Hugging Face hub's cache every file is a link; one that leads nowhere is named, with its end", async () => {
  const project = await SwpProject.create({ name: 'unused', dag: [], experiments: {} });
  const snapshot = project.path('models--x--tiny/snapshots/5f');
  const blobs = project.path('models--x--tiny/blobs');
  await writePublishedFolder(blobs);
  await mkdir(snapshot, { recursive: true });
  const names = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
  for (const name of names) await symlink(`../../blobs/${name}`, join(snapshot, name));
  const detect = () => project.swp('detect', snapshot, '--text', TEXT, '--sequences', '2', '--length', '16');
  expect(await detect()).toMatchObject({ exitCode: 0, stderr: '' });
  for (const name of ['tokenizer.json', 'model.safetensors', 'config.json']) {
    await rm(join(blobs, name));
    const { exitCode, stderr } = await detect();
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`Cannot read ${join(snapshot, name)}: there is no such file.`);
    expect(stderr).toContain(`It is a link to ${await readlink(join(snapshot, name))}, and nothing is there. `);
    expect(stderr).not.toContain('seed-0');
  }
});

test('a path of two lines is refused with the reason', async () => {
  const project = await SwpProject.create({ name: 'unused', dag: [], experiments: {} });
  await writePublishedFolder(project.path('two\nlines'));
  const { exitCode, stderr } = await project.swp('detect', './two\nlines', '--text', TEXT);
  expect(exitCode).toBe(2);
  expect(stderr).toContain('Expected: a string, on one line and without control characters, with no more than');
});

/** Where ONNX Runtime is taken from on a platform that swp carries no library for. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { MissingOnnxRuntime, onnxPackage, usableOnnxPackage } from '../../src/compute/runtimes/onnx/onnx-package.ts';

const { version } = onnxPackage();
const INSTALL = `npm install onnxruntime-node@${version}, in the folder where swp is installed; with -g if it is installed globally`;

async function installed(its: string, platform: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'swp-onnx-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'bin/napi-v6', platform), { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'onnxruntime-node', version: its }));
  return folder;
}

function refusal(platform: string, folder: string | null): [string, string] | undefined {
  try {
    usableOnnxPackage(platform, folder);
  } catch (error) {
    if (error instanceof MissingOnnxRuntime) return [error.message, error.remedy];
    throw error;
  }
  return undefined;
}

test('swp has its own for Linux and for macOS', () => {
  for (const platform of ['linux/x64', 'linux/arm64', 'darwin/arm64'])
    expect(usableOnnxPackage(platform)).toBe(onnxPackage().directory);
});

test('elsewhere that of an onnxruntime-node beside it is used', async () => {
  const folder = await installed(version, 'win32/x64');
  expect(usableOnnxPackage('win32/x64', folder)).toBe(folder);
});

test('without one, the refusal says what to install', async () => {
  const older = await installed('1.17.0', 'win32/x64');
  const other = await installed(version, 'win32/x64');
  expect(refusal('win32/x64', null)).toEqual(['swp has no library of ONNX Runtime for win32/x64', INSTALL]);
  expect(refusal('win32/x64', older)).toEqual([
    `swp needs onnxruntime-node ${version}, and ${older} is 1.17.0`,
    INSTALL,
  ]);
  expect(refusal('aix/ppc64', other)).toEqual([
    `onnxruntime-node ${version} has no library for aix/ppc64`,
    'Use engine tensorflow.',
  ]);
});

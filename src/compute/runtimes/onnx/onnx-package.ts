/**
 * Where ONNX Runtime lies: in the copy that the build makes of onnxruntime-node (build/onnx-runtime.js), which travels
 * with swp. Of a platform that the copy lacks, in an onnxruntime-node of that version that is installed beside swp.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { installedBuild, readFingerprints } from '../../../base/installed-build.ts';

export interface OnnxPackage {
  directory: string;
  name: string;
  version: string;
}

/** There is no library for this platform. */
export class MissingOnnxRuntime extends Error {
  override name = 'MissingOnnxRuntime';
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}

let copy: OnnxPackage | undefined;

/** The copy: what keys and records name, on every platform. */
export function onnxPackage(): OnnxPackage {
  copy ??= readPackage(join(dirname(installedBuild), readFingerprints().onnxRuntime));
  return copy;
}

/**
 * Folder of the package that has the libraries of a platform.
 * @param platform e.g. `linux/x64`
 * @param installed folder of an onnxruntime-node beside swp, null if there is none
 * @throws MissingOnnxRuntime
 */
export function usableOnnxPackage(platform = thisPlatform(), installed = installedPackage()): string {
  const { directory, name, version } = onnxPackage();
  if (existsSync(binariesIn(directory, platform))) return directory;
  const install = `npm install ${name}@${version}, in the folder where swp is installed; with -g if it is installed globally`;
  if (installed === null) throw new MissingOnnxRuntime(`swp has no library of ONNX Runtime for ${platform}`, install);
  const found = readPackage(installed);
  if (found.version !== version)
    throw new MissingOnnxRuntime(`swp needs ${name} ${version}, and ${installed} is ${found.version}`, install);
  if (!existsSync(binariesIn(installed, platform)))
    throw new MissingOnnxRuntime(`${name} ${version} has no library for ${platform}`, 'Use engine tensorflow.');
  return installed;
}

/**
 * Folder with the native libraries of this platform.
 * @throws MissingOnnxRuntime
 */
export function onnxBinaries(): string {
  return binariesIn(usableOnnxPackage(), thisPlatform());
}

function binariesIn(directory: string, platform: string): string {
  return join(directory, 'bin/napi-v6', platform);
}

function thisPlatform(): string {
  return `${process.platform}/${process.arch}`;
}

function installedPackage(): string | null {
  try {
    return dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  } catch {
    return null;
  }
}

function readPackage(directory: string): OnnxPackage {
  const { name, version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as OnnxPackage;
  return { directory, name, version };
}

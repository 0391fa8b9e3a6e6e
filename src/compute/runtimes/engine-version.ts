/** Name and version of an engine: part of every key whose result it computes. Read without loading the engine. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { packageRoot } from '../../base/package-root.ts';
import type { Engine } from './runtime.ts';
import { findTensorflowPackage, PACKAGE as TENSORFLOW } from './tensorflow/tensorflow-package.ts';

const VERSIONS: Record<Engine, () => string> = {
  onnx: () => {
    const { name, version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as {
      name: string;
      version: string;
    };
    return `${name} ${version}`;
  },
  // It is optional: where npm left it out, keys are those of the version that swp would install, so that a study can be
  // planned everywhere. Which libtensorflow it binds depends on the machine, and keys do not.
  tensorflow: () => {
    const { name, version } = findTensorflowPackage() ?? { name: TENSORFLOW, version: declaredVersion(TENSORFLOW) };
    return `${name} ${version}`;
  },
};

export function engineVersion(engine: Engine): string {
  return VERSIONS[engine]();
}

/** The files that `engineVersion` reads. */
export function enginePackageFiles(engine: Engine): string[] {
  if (engine === 'onnx') return [createRequire(import.meta.url).resolve('onnxruntime-node/package.json')];
  const directory = findTensorflowPackage()?.directory;
  return [join(directory ?? packageRoot, 'package.json')];
}

function declaredVersion(name: string): string {
  const { optionalDependencies } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };
  return optionalDependencies[name]!;
}

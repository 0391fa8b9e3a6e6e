/** Name and version of an engine: part of every key whose result it computes. Read without loading the engine. */
import { join } from 'node:path';
import { packageRoot } from '../../base/package-root.ts';
import { ARITHMETIC_VERSION } from './exact/arithmetic-version.ts';
import { onnxPackage } from './onnx/onnx-package.ts';
import type { Engine } from './runtime.ts';
import { declaredVersion, findTensorflowPackage, PACKAGE as TENSORFLOW } from './tensorflow/tensorflow-package.ts';

const VERSIONS: Record<Engine, () => string> = {
  exact: () => `exact arithmetic ${ARITHMETIC_VERSION}`,
  onnx: () => {
    const { name, version } = onnxPackage();
    return `${name} ${version}`;
  },
  // It is optional: where it is not installed, keys are those of the version that swp is written for, so that a study
  // can be planned everywhere. Which libtensorflow it binds depends on the machine, and keys do not.
  tensorflow: () => {
    const { name, version } = findTensorflowPackage() ?? { name: TENSORFLOW, version: declaredVersion() };
    return `${name} ${version}`;
  },
};

export function engineVersion(engine: Engine): string {
  return VERSIONS[engine]();
}

/** The files that `engineVersion` reads. */
export function enginePackageFiles(engine: Engine): string[] {
  if (engine === 'onnx') return [join(onnxPackage().directory, 'package.json')];
  const directory = engine === 'tensorflow' ? findTensorflowPackage()?.directory : undefined;
  return [join(directory ?? packageRoot, 'package.json')];
}

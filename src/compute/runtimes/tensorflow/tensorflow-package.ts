/**
 * Finds the npm package that binds libtensorflow to Node. Does not load it, and does not need its native part, which is
 * downloaded separately (native-part.ts).
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../../base/package-root.ts';

export const PACKAGE = '@tensorflow/tfjs-node-gpu';

/** A folder with such a package: one's own build with another libtensorflow (docs/tensorflow.md). */
export const PACKAGE_VARIABLE = 'SWP_TFJS_NODE';

export interface TensorflowPackage {
  directory: string;
  name: string;
  version: string;
  /** The compiled part that binds libtensorflow; it may be missing. */
  addon: string;
  /** The shell command that fetches the native part. */
  installScript: string;
}

interface PackageJson {
  name: string;
  version: string;
  scripts: { install: string };
  binary: { module_name: string; module_path: string; napi_versions: number[] };
}

/** The package that SWP_TFJS_NODE names, else the one that npm installed; undefined if there is none. */
export function findTensorflowPackage(): TensorflowPackage | undefined {
  const file = packageFile();
  if (file === undefined) return undefined;
  const directory = dirname(file);
  const { name, version, scripts, binary } = JSON.parse(readFileSync(file, 'utf8')) as PackageJson;
  // As node-pre-gyp looks for it: the highest version of Node's C interface that both sides know.
  const napi = Math.max(...binary.napi_versions.filter((candidate) => candidate <= Number(process.versions.napi)));
  const addon = join(
    directory,
    binary.module_path.replace('{napi_build_version}', String(napi)),
    `${binary.module_name}.node`,
  );
  return { directory, name, version, addon, installScript: scripts.install };
}

/** The version that swp is written for and tested with. */
export function declaredVersion(): string {
  const { peerDependencies } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    peerDependencies: Record<string, string>;
  };
  return peerDependencies[PACKAGE]!;
}

/** How to get the package, without its native part. */
export function installationText(): string {
  return `npm install --ignore-scripts ${PACKAGE}@${declaredVersion()}, in the folder where swp is installed; with -g if it is installed globally.`;
}

function packageFile(): string | undefined {
  const own = process.env[PACKAGE_VARIABLE];
  if (own !== undefined && own !== '') {
    const file = join(own, 'package.json');
    return existsSync(file) ? file : undefined;
  }
  try {
    return createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`);
  } catch {
    return undefined; // only who wants it installs it
  }
}

/**
 * The build that this process runs from: dist/build-HASH with the bundles, the kernel and the fingerprints of the code.
 * It is found from the running module, not from what is current: a rebuild during a run changes nothing for that run.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from './package-root.ts';

const FINGERPRINTS = 'fingerprints.json';

export const installedBuild = findBuild(dirname(fileURLToPath(import.meta.url)));

export interface Fingerprints {
  /** SHA-256 of each stage's code, by stage. */
  stages: Record<string, string>;
  /** SHA-256 of the code that executes graphs, by engine. */
  engines: Record<string, string>;
  /** SHA-256 of the code that makes a corpus's sequences, by corpus. */
  corpora: Record<string, string>;
  /** SHA-256 of the optimizer kernel. */
  kernel: string;
  /** The same of the exact engine's. */
  exactKernel: string;
  /** Versions of the packages that are in the hash of each stage's code, by stage and package. */
  packages: Record<string, Record<string, string>>;
  /** Stages that do not build, by name: where, and why. */
  broken: Record<string, string>;
  /** SHA-256 of the code that renders reports. It is in no key. */
  renderer: string;
  /** Name of the folder beside the build that has ONNX Runtime. */
  onnxRuntime: string;
}

export function readFingerprints(): Fingerprints {
  return JSON.parse(readFileSync(join(installedBuild, FINGERPRINTS), 'utf8')) as Fingerprints;
}

function findBuild(directory: string): string {
  if (existsSync(join(directory, FINGERPRINTS))) return directory;
  const parent = dirname(directory);
  if (parent !== directory) return findBuild(parent);
  // Run from the sources, as tests do: the latest build.
  const { build } = JSON.parse(readFileSync(join(packageRoot, 'dist/current.json'), 'utf8')) as { build: string };
  return join(packageRoot, 'dist', build);
}

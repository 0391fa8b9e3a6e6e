/** Everything that swp doctor looks at, as data: `swp doctor --json` is this, and docs/commands.md describes it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../base/package-root.ts';
import { onnxPackage } from '../compute/runtimes/onnx/onnx-package.ts';
import { findTensorflowPackage, PACKAGE as TENSORFLOW } from '../compute/runtimes/tensorflow/tensorflow-package.ts';
import { examineAccelerators, type AcceleratorsFinding } from './accelerators.ts';
import { examineCachePlace, type CacheFinding } from './cache-place.ts';
import { examineMachine, type MachineFinding } from './machine.ts';
import { isDefaultTarget, probeTargets, type TargetFinding } from './targets.ts';

export interface DoctorFindings extends AcceleratorsFinding {
  /** Whether the default target works, and so every study that declares no other. */
  ok: boolean;
  targets: TargetFinding[];
  node: { version: string; supported: boolean; needed: string };
  machine: MachineFinding;
  cache: CacheFinding;
  /** Version by package; null where it is not installed. */
  packages: Record<string, string | null>;
}

/** @param cache absolute path of the cache's folder */
export async function examine(cache: string): Promise<DoctorFindings> {
  const [machine, place, accelerators] = await Promise.all([
    examineMachine(),
    examineCachePlace(cache),
    examineAccelerators(),
  ]);
  const onnx = onnxPackage();
  const targets = await probeTargets(); // alone: one of them is measured
  return {
    ok: targets.every((target) => !isDefaultTarget(target) || target.works === 'ok'),
    targets,
    node: examineNode(),
    machine,
    cache: place,
    ...accelerators,
    packages: { [onnx.name]: onnx.version, [TENSORFLOW]: findTensorflowPackage()?.version ?? null },
  };
}

function examineNode(): DoctorFindings['node'] {
  const { engines } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    engines: { node: string };
  };
  const version = process.versions.node;
  return { version, supported: isAtLeast(version, engines.node.replace('>=', '')), needed: engines.node };
}

/** @param least major, or major and minor */
function isAtLeast(version: string, least: string): boolean {
  const [major, minor] = version.split('.').map(Number) as [number, number];
  const [leastMajor, leastMinor = 0] = least.split('.').map(Number) as [number, number?];
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

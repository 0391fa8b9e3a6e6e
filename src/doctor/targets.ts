/** Which engines and devices work here: each one computes something, in a process of its own. */
import { join } from 'node:path';
import { execaNode } from 'execa';
import { CPU_TARGET, type ExecutionTarget } from '../compute/runtimes/runtime.ts';
import { installedBuild } from '../base/installed-build.ts';
import type { GeneratorSpeed, ProbeMessage } from './probe-message.ts';

const TARGETS: readonly ExecutionTarget[] = [
  CPU_TARGET,
  { engine: 'exact', device: 'cpu', precision: 'float32' },
  { engine: 'onnx', device: 'cuda', precision: 'float32' },
  { engine: 'onnx', device: 'webgpu', precision: 'float32' },
  { engine: 'tensorflow', device: 'cpu', precision: 'float32' },
  { engine: 'tensorflow', device: 'cuda', precision: 'float32' },
];

/** Loading a GPU's libraries from a slow disk takes tens of seconds. */
const PROBE_TIMEOUT_MS = 60_000;

const PROBE = join(installedBuild, 'probe.js');

/** Characters that are shown of what a process wrote before it died. */
const SHOWN_CHARACTERS = 300;

export interface TargetFinding extends Pick<ExecutionTarget, 'engine' | 'device'> {
  /**
   * `ok`: it computes what the float64 reference does. `no`: something is missing. `broken`: it is there, and crashes,
   * hangs, fails, or computes something else.
   */
  works: 'ok' | 'no' | 'broken';
  /** Why not; of `ok`, null. */
  why: string | null;
  /** What would change that, where something is known. */
  remedy: string | null;
  /**
   * Largest difference from the reference, as a share of the output's largest number; null where nothing was computed.
   */
  deviation: number | null;
  /** Of the default target: GFLOP/s of one core in a product of matrices. */
  gemmGflops?: number;
  /** Of the default target: whether graphs have zeros in the place of subnormal numbers, as on most machines. */
  flushesSubnormals?: boolean;
  /** Of engine exact: the ways to execute its programs here, that which is used first. */
  generators?: readonly GeneratorSpeed[];
}

/** The default target first and on its own, because its speed is measured; then the others side by side. */
export async function probeTargets(): Promise<TargetFinding[]> {
  const [first, ...others] = TARGETS as [ExecutionTarget, ...ExecutionTarget[]];
  return [await probe(first), ...(await Promise.all(others.map((target) => probe(target))))];
}

export function isDefaultTarget({ engine, device }: Pick<ExecutionTarget, 'engine' | 'device'>): boolean {
  return engine === CPU_TARGET.engine && device === CPU_TARGET.device;
}

/** @param options.module path of the built probe-child.ts */
export async function probe(
  { engine, device, precision }: ExecutionTarget,
  { module = PROBE, timeoutMs = PROBE_TIMEOUT_MS }: { module?: string; timeoutMs?: number } = {},
): Promise<TargetFinding> {
  const child = await execaNode(module, [engine, device, precision], {
    ipc: true,
    serialization: 'json',
    stdin: 'ignore',
    reject: false,
    all: true,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  const [message] = child.ipcOutput as unknown as ProbeMessage[];
  return { engine, device, ...findingOf(message, child) };
}

interface Ending {
  timedOut: boolean;
  signal?: string | undefined;
  exitCode?: number | undefined;
  all?: unknown;
  durationMs: number;
}

/** A message counts even if the process crashed after it: libraries do so when they are unloaded. */
function findingOf(message: ProbeMessage | undefined, ending: Ending): Omit<TargetFinding, 'engine' | 'device'> {
  const broken = (why: string) => ({ works: 'broken' as const, why, remedy: null, deviation: null });
  switch (message?.kind) {
    case 'ran': {
      const { agrees, deviation, tolerance, gemmGflops, flushesSubnormals, generators } = message;
      if (!agrees)
        return {
          ...broken(
            `it computes something else: off by ${deviation.toExponential(1)}, where rounding explains ${tolerance}`,
          ),
          deviation,
        };
      return {
        ...{ works: 'ok', why: null, remedy: null, deviation },
        ...(gemmGflops !== undefined && { gemmGflops }),
        ...(flushesSubnormals !== undefined && { flushesSubnormals }),
        ...(generators !== undefined && { generators }),
      };
    }
    case 'unavailable':
      return { works: 'no', why: message.message, remedy: message.remedy, deviation: null };
    case 'error':
      return broken(message.message);
    case undefined: {
      const said = lastLineText(String(ending.all ?? ''));
      if (ending.timedOut) return broken(`it hung: no answer in ${Math.round(ending.durationMs / 1000)} s${said}`);
      const how =
        ending.signal === undefined
          ? `ended with exit code ${ending.exitCode ?? 'unknown'}`
          : `was killed by ${ending.signal}`;
      return broken(`its process ${how}${said}`);
    }
  }
}

function lastLineText(output: string): string {
  const line = output
    .trim()
    .split('\n')
    .findLast((text) => text.trim() !== '');
  return line === undefined ? '' : `; it wrote: ${line.trim().slice(0, SHOWN_CHARACTERS)}`;
}

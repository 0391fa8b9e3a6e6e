/**
 * The parts of the machine that decide what runs and how fast: processor, memory, and what this process may use.
 */
import { readFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';
import { cpuQuota } from '../base/usable-cpus.ts';

export interface MachineFinding {
  platform: NodeJS.Platform;
  arch: string;
  /** The processor's name, or null where the system does not tell. */
  cpu: string | null;
  cores: number;
  /** Cores that this process's affinity mask allows. */
  allowedCores: number;
  /** CPUs' worth of time that its control group grants; null without a limit. */
  quotaCores: number | null;
  /**
   * Of avx2, avx512f, avx512_vnni, avx512_bf16, amx_tile: what the processor has; null where the system does not tell.
   */
  instructions: string[] | null;
  /** Bytes. */
  memory: number;
  /** Bytes that its control group grants; null without a limit below `memory`. */
  memoryLimit: number | null;
}

/** The instruction sets that matrix kernels are written for. */
const INSTRUCTIONS = ['avx2', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'amx_tile'];

export async function examineMachine(): Promise<MachineFinding> {
  const quota = cpuQuota();
  const memory = totalmem();
  const limit = process.constrainedMemory();
  return {
    platform: platform(),
    arch: arch(),
    cpu: cpus()[0]?.model.trim() || null,
    cores: cpus().length,
    allowedCores: availableParallelism(),
    quotaCores: Number.isFinite(quota) ? quota : null,
    instructions: await instructions(),
    memory,
    memoryLimit: limit > 0 && limit < memory ? limit : null,
  };
}

async function instructions(): Promise<string[] | null> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const flags = /^flags\s*:(.*)$/m.exec(text)?.[1]?.split(' ');
  return flags === undefined ? null : INSTRUCTIONS.filter((name) => flags.includes(name));
}

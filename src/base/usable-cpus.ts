/** How many CPUs this process may use: a container often grants fewer than the machine has. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { ownSlurmAllocation } from './slurm-allocation.ts';

/**
 * The smallest of its affinity mask, on Linux its control group's quota (rounded up), and what Slurm has given to the
 * job that it is part of; at least 1.
 */
export function usableCpus(): number {
  const { cpus = Infinity } = ownSlurmAllocation();
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(cpuQuota()), cpus));
}

/** CPUs by control group version 2, https://docs.kernel.org/admin-guide/cgroup-v2.html; Infinity without a quota. */
export function cpuQuota(): number {
  try {
    const [quota, period] = readFileSync('/sys/fs/cgroup/cpu.max', 'utf8').split(' ').map(Number);
    const cpus = quota! / period!;
    return Number.isFinite(cpus) && cpus > 0 ? cpus : Infinity;
  } catch {
    return Infinity;
  }
}

/** The memory of this machine, as far as it may be used. */
import { totalmem } from 'node:os';
import { ownSlurmAllocation } from './slurm-allocation.ts';

/**
 * Bytes that processes of this machine can have together: what there is, what the control group grants, or what Slurm
 * has given to the job that this process is part of.
 */
export function machineMemory(): number {
  const { memory = Infinity } = ownSlurmAllocation();
  return Math.min(totalmem(), process.constrainedMemory() || Infinity, memory);
}

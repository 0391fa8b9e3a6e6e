/** What a job of Slurm was given, by the variables that a real one sets. */
import { expect, test } from 'vitest';
import { ownSlurmAllocation, slurmAllocation } from '../../src/base/slurm-allocation.ts';

const MIB = 2 ** 20;

test.each([
  ['of its own', { SLURM_CPUS_ON_NODE: '2', SLURM_CPUS_PER_TASK: '2', SLURM_MEM_PER_NODE: '3000' }, 2, 3000 * MIB],
  ['by the CPU', { SLURM_CPUS_ON_NODE: '2', SLURM_MEM_PER_CPU: '500' }, 2, 1000 * MIB],
  ['all of a machine', { SLURM_CPUS_ON_NODE: '8', SLURM_MEM_PER_NODE: '0' }, 8, undefined],
  ['outside of a job', {}, undefined, undefined],
  ['in words', { SLURM_CPUS_ON_NODE: 'many', SLURM_MEM_PER_NODE: '-1' }, undefined, undefined],
])('memory %s', (_, env, cpus, memory) => {
  const given = slurmAllocation(env);
  expect([given.cpus, given.memory]).toEqual([cpus, memory]);
});

test('counts where Slurm started the process, not on the machine where somebody asked for a job', () => {
  const env = { SLURM_JOB_ID: '9', SLURM_CPUS_PER_TASK: '2', SLURM_CPUS_ON_NODE: '2' };
  expect(ownSlurmAllocation(env)).toEqual({});
  expect(ownSlurmAllocation({ ...env, SLURMD_NODENAME: 'n1' })).toEqual({ cpus: 2, cpusPerTask: 2 });
});

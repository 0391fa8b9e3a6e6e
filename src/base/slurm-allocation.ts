/**
 * What Slurm has given to the job that this process is part of, as it says in the environment of processes that it
 * starts (man sbatch, "OUTPUT ENVIRONMENT VARIABLES"). Not every cluster confines jobs to it.
 */
const MIB = 2 ** 20;

export interface SlurmAllocation {
  /** On this machine. Slurm may have given more than was asked for, such as whole cores. */
  cpus?: number;
  /** As many as were asked for. */
  cpusPerTask?: number;
  /** Bytes on this machine; absent where Slurm sets no limit. */
  memory?: number;
}

/** Empty where Slurm says nothing. */
export function slurmAllocation(env: NodeJS.ProcessEnv): SlurmAllocation {
  const count = (name: string) => {
    const value = Number(env[name]);
    return Number.isInteger(value) && value > 0 ? value : undefined;
  };
  const cpusPerTask = count('SLURM_CPUS_PER_TASK');
  const cpus = count('SLURM_CPUS_ON_NODE') ?? cpusPerTask;
  const perCpu = count('SLURM_MEM_PER_CPU');
  const mebibytes = count('SLURM_MEM_PER_NODE') ?? (perCpu && perCpu * (cpus ?? 1));
  return {
    ...(cpus !== undefined && { cpus }),
    ...(cpusPerTask !== undefined && { cpusPerTask }),
    ...(mebibytes !== undefined && { memory: mebibytes * MIB }),
  };
}

/** The same of this process: nothing if it only asked for a job, as in the shell of salloc on a login node. */
export function ownSlurmAllocation(env: NodeJS.ProcessEnv = process.env): SlurmAllocation {
  return env.SLURMD_NODENAME === undefined ? {} : slurmAllocation(env);
}

/** Where a run's nodes run: on this machine or in jobs of Slurm, and whether what the command says fits that. */
import { SwpError } from '../base/failure.ts';
import type { Config, ExecutorName, SlurmOptions } from './config.ts';
import { LOCAL_GPUS } from './gpu-choice.ts';
import { GPUS, jobGpus } from './slurm-values.ts';

/** Of a command that runs nodes in either way. */
export interface ExecutorOptions {
  executor?: ExecutorName | undefined;
  /** Of this machine or of a job, as it is written. */
  gpus?: string | undefined;
  /** What jobs ask for, without their GPUs. */
  slurm: Omit<SlurmOptions, 'gpus'>;
}

export type ExecutorChoice = { executor: 'local' } | { executor: 'slurm'; slurm: SlurmOptions };

/** @throws SwpError of kind `usage` for an option that means nothing there */
export function chooseExecutor(config: Config, { executor, gpus, slurm }: ExecutorOptions): ExecutorChoice {
  if ((executor ?? config.executor ?? 'local') === 'slurm') {
    if (gpus === undefined) return { executor: 'slurm', slurm };
    const ofJob = jobGpus(gpus);
    if (ofJob !== undefined) return { executor: 'slurm', slurm: { ...slurm, gpus: ofJob } };
    throw new SwpError({
      kind: 'usage',
      message: `--gpus ${gpus} chooses GPUs of this machine; Slurm chooses those of a job.`,
      expected: `auto, none, ${GPUS.expected}`,
    });
  }
  const [named] = Object.keys(slurm);
  if (named !== undefined)
    throw new SwpError({
      kind: 'usage',
      message: `--${named} is for jobs of Slurm, and this run has none: its nodes run on this machine.`,
      expected: '--executor slurm, or "executor": "slurm" in swp.config.json',
    });
  if (gpus !== undefined && LOCAL_GPUS.parse(gpus) === undefined)
    throw new SwpError({
      kind: 'usage',
      message: `--gpus ${gpus} is for jobs of Slurm, and this run has none: its nodes run on this machine.`,
      expected: `${LOCAL_GPUS.expected}; or --executor slurm`,
    });
  return { executor: 'local' };
}

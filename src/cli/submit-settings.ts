/** What a command's options say of jobs of Slurm: apart from the options themselves, which every command loads. */
import type { KeptArtifacts } from '../engine/run-eviction.ts';
import type { SubmitSettings } from '../project/cluster-submission.ts';
import { readConfig, type ExecutorName } from '../project/config.ts';
import { chooseExecutor } from '../project/executor-choice.ts';
import type { Project } from '../project/project.ts';
import type { SlurmCommandOptions } from './slurm-options.ts';

const SETTINGS = [
  ...['partition', 'account', 'qos', 'time', 'cpus', 'memory', 'constraint'],
  ...['setup', 'concurrency', 'bundle', 'signal'],
] as (keyof SlurmCommandOptions)[];

/** Of a command that runs nodes in either way. */
export interface ExecutorCommandOptions extends SlurmCommandOptions {
  executor?: ExecutorName;
  gpus?: string;
  keep?: KeptArtifacts;
  memoryPerNode?: number;
  checkpointEvery: number;
  device?: string;
  engine?: string;
}

/**
 * What is to be sent to Slurm, and how.
 * @returns undefined for a run on this machine
 * @throws SwpError of kind `usage` for an option that means nothing there
 */
export function submitSettings(project: Project, options: ExecutorCommandOptions): SubmitSettings | undefined {
  const choice = chooseExecutor(readConfig(project), { ...options, slurm: slurmOptionsOf(options) });
  if (choice.executor === 'local') return undefined;
  const { keep, memoryPerNode, checkpointEvery, device, engine } = options;
  return {
    slurm: choice.slurm,
    run: {
      ...(keep !== undefined && { keep }),
      ...(memoryPerNode !== undefined && { memoryPerNode }),
      checkpointSeconds: checkpointEvery,
    },
    ...(device !== undefined && { device }),
    ...(engine !== undefined && { engine }),
  };
}

/** What of a command's options is about jobs of Slurm. */
function slurmOptionsOf(options: SlurmCommandOptions): SlurmCommandOptions {
  return Object.fromEntries(
    SETTINGS.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]] as const])),
  );
}

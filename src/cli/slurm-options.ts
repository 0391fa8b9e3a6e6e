/** Options of the commands that may run nodes in jobs of Slurm; `swp.config.json` has the same settings. */
import { Option, type Command } from 'commander';
import type { ExecutorName, SlurmOptions } from '../project/config.ts';
import { LOCAL_GPUS } from '../project/gpu-choice.ts';
import { BUNDLE, GPUS, jobGpus, LINE, MEMORY, TIME } from '../project/slurm-values.ts';
import { parsePositiveInteger, parserOf } from './quantity-parse.ts';

/** As commander hands them over, without the GPUs, which mean something else to a run on this machine. */
export type SlurmCommandOptions = Omit<SlurmOptions, 'gpus' | 'options'>;

const LONGEST_SIGNAL = 65_535;

/** Those of a job of Slurm, as the only GPUs that there are to choose. */
export function jobGpusOption(): Option {
  return new Option(
    '--gpus <which>',
    'GPUs of a job: a number, or a100:1 (default: 1 where a node needs one)',
  ).argParser(parserOf({ expected: `auto, none, ${GPUS.expected}`, parse: jobGpus }));
}

/** Those of this machine, or of a job of Slurm: which, is known when it is known where nodes run. */
export function anyGpusOption(): Option {
  return new Option(
    '--gpus <which>',
    'GPUs for nodes that need one: auto, none, or indices such as 0,1 (default: $SWP_GPUS, else auto); of a job of Slurm: a number, or a100:1',
  ).argParser(
    parserOf({
      expected: `${LOCAL_GPUS.expected}; of a job of Slurm, a number or a100:1`,
      parse: (text) => LOCAL_GPUS.parse(text) ?? (jobGpus(text) === undefined ? undefined : text),
    }),
  );
}

export function executorOption(): Option {
  return new Option(
    '--executor <which>',
    'local, on this machine, or slurm, in jobs (default: as swp.config.json says, else local)',
  ).choices(['local', 'slurm'] satisfies ExecutorName[]);
}

/** Adds what jobs ask Slurm for, under a heading of their own. */
export function withSlurmOptions(command: Command, ...first: Option[]): Command {
  command.optionsGroup('Jobs of Slurm (docs/slurm.md; swp.config.json has the same settings):');
  for (const option of first) command.addOption(option);
  return command
    .option('--partition <name>', 'the partition', parserOf(LINE))
    .option('--account <name>', 'the account that is charged', parserOf(LINE))
    .option('--qos <name>', 'the quality of service', parserOf(LINE))
    .option('--time <limit>', 'the time limit, such as 4h or 1-12:00:00', parserOf(TIME))
    .option('--cpus <number>', 'CPUs of a job (default: 1)', parsePositiveInteger)
    .option('--memory <size>', 'memory of a job, such as 16GB', parserOf(MEMORY))
    .option('--constraint <features>', 'what a machine must have, such as "a100|h100"', parserOf(LINE))
    .option('--setup <line>', 'a line of Bash that a job runs first; may be repeated', collected)
    .option('--concurrency <number>', 'jobs that run at a time (default: no limit)', parsePositiveInteger)
    .option(
      '--bundle <what>',
      'what a job is: run, node, or such as "30 minutes" of work (default: run)',
      parserOf(BUNDLE),
    )
    .option(
      '--signal <seconds>',
      'before the time limit, when a training keeps its state and is queued again (default: 120)',
      parserOf({
        expected: `a whole number of seconds from 1 to ${LONGEST_SIGNAL}`,
        parse: (text) => (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= LONGEST_SIGNAL ? Number(text) : undefined),
      }),
    );
}

function collected(line: string, before: string[] = []): string[] {
  return [...before, parserOf(LINE)(line)];
}

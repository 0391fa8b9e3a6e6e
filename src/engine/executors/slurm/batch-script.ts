/**
 * The script that sbatch is given for an array of jobs. What a job asks for stands in the script, so that everybody can
 * see it there; it runs the lines of setup, and becomes swp.
 */
import { SwpError } from '../../../base/failure.ts';
import { quoted } from '../../../base/nearest-name.ts';
import { arrayText, type JobArray } from './arrays.ts';
import type { SlurmSettings } from './settings.ts';

export interface BatchScript {
  array: Pick<JobArray, 'settings' | 'bundles' | 'offset' | 'limit'>;
  /** What squeue shows. */
  name: string;
  /** Jobs that must have ended, however they did: `123_4`. Slurm has to know them: it does not wait for others. */
  after: readonly string[];
  /** Where jobs run: absolute. */
  folder: string;
  /** Where their logs are (`logName`): absolute. */
  logFolder: string;
  /** Sent before the time limit, such as `SIGUSR2`. */
  timeSignal: NodeJS.Signals;
  /** Program and arguments, as they are. The number of the bundle is the last argument. */
  command: readonly string[];
}

/** How the names of all jobs begin. */
export const JOB_NAME = 'swp-';

/** Of the file with what the job of a bundle wrote. */
export function logName({ offset }: Pick<JobArray, 'offset'>, bundle: number): string {
  return logNameOf(offset, bundle - offset);
}

/** Slurm can name logs by the number of the array element. */
function logNameOf(offset: number, element: number | '%a'): string {
  return `${offset === 0 ? '' : `${offset}+`}${element}.log`;
}

/** @throws SwpError of kind `usage` for a path that Slurm cannot take */
export function batchScript(script: BatchScript): string {
  const { settings, offset } = script.array;
  const program = script.command.map(bashWord).join(' ');
  return [
    '#!/bin/bash',
    ...sbatchOptions(script).map((option) => `#SBATCH ${sbatchWord(option)}`),
    '',
    // Slurm may say a minute early that time is short: before swp listens, that must not end the job.
    `trap '' ${script.timeSignal.replace(/^SIG/, '')}`,
    ...(settings.setup.length > 0 ? [SETUP_FAILED] : []),
    ...settings.setup.map((line) => `eval ${bashWord(line)} || setup_failed "$?" ${bashWord(line)}`),
    // Signals of Slurm reach swp only if it is this process.
    `exec ${program} "$((${offset} + SLURM_ARRAY_TASK_ID))"`,
    '',
  ].join('\n');
}

const SETUP_FAILED = `setup_failed() { printf 'swp: this line of "setup" failed with exit code %s: %s\\n' "$@" >&2; exit 1; }`;

function sbatchOptions({ array, name, after, folder, logFolder, timeSignal }: BatchScript): string[] {
  const { settings } = array;
  const { partition, account, qos, time, cpus, memory, constraint, signal } = settings;
  const own = new Map<string, string | number | undefined>([
    ['job-name', `${JOB_NAME}${name}`],
    ['array', arrayText(array)],
    ['partition', partition],
    ['account', account],
    ['qos', qos],
    ['time', time],
    ['nodes', 1],
    ['ntasks', 1],
    ['cpus-per-task', cpus],
    ['mem', memory === undefined ? undefined : `${memory}M`],
    ['gres', resourcesOf(settings)],
    ['constraint', constraint],
    ['chdir', lineOf(folder)],
    ['output', `${logPattern(logFolder)}/${logNameOf(array.offset, '%a')}`],
    ['open-mode', 'append'], // a job that is queued again goes on in its log
    ['signal', `B:${timeSignal.replace(/^SIG/, '')}@${signal}`],
    ['dependency', after.length === 0 ? undefined : `afterany:${after.join(':')}`],
    ['kill-on-invalid-dep', after.length === 0 ? undefined : 'yes'],
  ]);
  return [
    ...[...own].flatMap(([option, value]) => (value === undefined ? [] : [`--${option}=${value}`])),
    '--requeue',
    ...settings.options.filter((option) => !option.startsWith(GRES)),
  ];
}

const GRES = '--gres=';

/** GPUs, and what further options ask for besides: of two options of the same name sbatch takes the second alone. */
function resourcesOf({ gpus, options }: SlurmSettings): string | undefined {
  const others = options.filter((option) => option.startsWith(GRES)).map((option) => option.slice(GRES.length));
  const all = [...(gpus === undefined || gpus === '0' ? [] : [`gpu:${gpus}`]), ...others];
  return all.length === 0 ? undefined : all.join(',');
}

/** Slurm replaces what follows a %, and in a path with a backslash nothing at all. */
function logPattern(folder: string): string {
  if (folder.includes('\\'))
    throw new SwpError({
      kind: 'usage',
      message: `Slurm writes no logs of jobs into ${quoted(folder)}: the path has a backslash.`,
      expected: 'a cache whose path has none, with --cache',
    });
  return lineOf(folder).replaceAll('%', '%%');
}

function lineOf(path: string): string {
  if (!/[\n\r\0]/.test(path)) return path;
  throw new SwpError({
    kind: 'usage',
    message: `Slurm runs no jobs with ${quoted(path)}: the path has a new line in it.`,
    expected: 'a study and a cache whose paths have none',
  });
}

/** sbatch itself reads these lines: it knows quotes and backslashes, and takes what follows a bare # for a comment. */
function sbatchWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

function bashWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

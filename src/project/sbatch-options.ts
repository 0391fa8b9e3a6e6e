/** Further options of sbatch, which swp passes on. */
import { quoted } from '../base/nearest-name.ts';

/** Options of sbatch that swp sets, or with which it could not follow a job, and what there is in their place. */
const OWN_OPTIONS = new Map(
  (
    [
      ['"partition"', ['partition']],
      ['"account"', ['account']],
      ['"qos"', ['qos']],
      ['"time"', ['time']],
      ['"constraint"', ['constraint']],
      ['"signal"', ['signal']],
      ['"cpus"', ['cpus-per-task', 'cpus-per-gpu']],
      ['"memory"', ['mem', 'mem-per-cpu', 'mem-per-gpu']],
      ['"gpus"', ['gpus', 'gpus-per-node', 'gpus-per-task', 'gpus-per-socket']],
      ['"concurrency"; swp itself says which jobs an array has', ['array']],
      ['nothing: swp says which job waits for which', ['dependency', 'kill-on-invalid-dep']],
      ['nothing: a job is named after what it computes', ['job-name']],
      ['nothing: swp logs finds what a job wrote', ['output', 'error', 'open-mode']],
      ['nothing: a job that is interrupted is always queued again', ['requeue', 'no-requeue']],
      ['nothing: a job runs in the folder of the study', ['chdir']],
      ['nothing: a job is one task on one machine', ['nodes', 'ntasks', 'ntasks-per-node']],
      ['nothing: swp submits jobs and follows them', ['wrap', 'wait', 'parsable', 'test-only', 'hold']],
      ['nothing: swp follows jobs on one cluster', ['clusters', 'cluster']],
    ] as const
  ).flatMap(([instead, names]) => names.map((name) => [name as string, instead] as const)),
);

/** What is wrong with a further option of sbatch; undefined for one that can be given. */
export function sbatchOptionMistake(text: string): { message: string; expected: string } | undefined {
  const [, name, value = ''] = /^--([a-z][a-z0-9-]*)(?:=(.*))?$/.exec(text) ?? [];
  if (name === undefined)
    return {
      message: `${quoted(text)} is no option of sbatch.`,
      expected: 'one option with its value, such as "--mail-type=END"',
    };
  // sbatch takes the beginning of an option for the option.
  const own = OWN_OPTIONS.has(name) ? name : [...OWN_OPTIONS.keys()].find((each) => each.startsWith(name));
  const instead = name === 'gres' && /(^|,)gpu\b/.test(value) ? '"gpus"' : own && OWN_OPTIONS.get(own);
  return instead === undefined
    ? undefined
    : { message: `${quoted(`--${name}`)} cannot be given here: swp sets it.`, expected: instead };
}

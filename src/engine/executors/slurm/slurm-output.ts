/**
 * What squeue and scontrol print of jobs. Not as JSON: its fields differ between versions of Slurm, and squeue ignores
 * which jobs it was asked for.
 */

/** A job as squeue shows it; of an array, one element. */
export interface SlurmJob {
  /** `123_4`, or `123` outside of arrays. */
  id: string;
  /** Such as PENDING or OUT_OF_MEMORY: `man squeue`, "JOB STATE CODES". */
  state: string;
  /** Why it waits, or ended so, in Slurm's words; absent if there is no reason. */
  reason?: string;
  /** Such as `n1` or `gpu[01-02]`; absent before it starts. */
  nodes?: string;
  runningSeconds: number;
  /** Until the time limit; absent without one. */
  leftSeconds?: number;
  /** As it was submitted: anything. */
  name: string;
}

/** A job as scontrol shows it. */
export interface JobDetails {
  state: string;
  reason?: string;
  /** Exit code and signal: `1:0`. */
  exitCode: string;
  nodes?: string;
  /** How often it was queued again. */
  restarts: number;
  /** It has to make room for another one. */
  isPreempted: boolean;
  runningSeconds: number;
  /** Absent without a limit. */
  limitSeconds?: number;
  /** The file that takes its standard output. */
  stdout?: string;
}

/** The name comes last: it may hold anything. */
const FIELDS = { id: '%i', state: '%T', reason: '%r', nodes: '%N', running: '%M', left: '%L', name: '%j' };
export const SQUEUE_FORMAT = Object.values(FIELDS).join('|');

/** @param text what squeue prints with SQUEUE_FORMAT @returns by id */
export function parseSlurmJobs(text: string): Map<string, SlurmJob> {
  const jobs = new Map<string, SlurmJob>();
  for (const line of text.split('\n')) {
    const [id = '', state, reason = '', nodes = '', running = '', left = '', ...name] = line.split('|');
    if (state === undefined) continue;
    const leftSeconds = secondsOf(left);
    jobs.set(id, {
      id,
      state,
      ...said('reason', reason),
      ...said('nodes', nodes),
      runningSeconds: secondsOf(running) ?? 0,
      ...(leftSeconds !== undefined && { leftSeconds }),
      name: name.join('|'),
    });
  }
  return jobs;
}

/** @param text a line of `scontrol show job --oneliner` */
export function parseJobDetails(text: string): JobDetails | undefined {
  const [line = ''] = text.split('\n');
  // A value ends where the next name begins: it may hold spaces.
  const fields = Object.fromEntries(
    [...line.matchAll(/([A-Z][\w/:]*)=(.*?)(?=\s+[A-Z][\w/:]*=|\s*$)/g)].map(([, name, value]) => [name!, value!]),
  );
  if (fields.JobState === undefined) return undefined;
  const limitSeconds = secondsOf(fields.TimeLimit ?? '');
  return {
    state: fields.JobState,
    ...said('reason', fields.Reason),
    exitCode: fields.ExitCode ?? '0:0',
    ...said('nodes', fields.NodeList),
    restarts: Number(fields.Restarts ?? 0),
    isPreempted: /^\d/.test(fields.PreemptTime ?? ''), // else absent, or "None"
    runningSeconds: secondsOf(fields.RunTime ?? '') ?? 0,
    ...(limitSeconds !== undefined && { limitSeconds }),
    ...said('stdout', fields.StdOut),
  };
}

function said<Name extends string>(name: Name, value = ''): Partial<Record<Name, string>> {
  return ['', 'None', '(null)', 'N/A'].includes(value) ? {} : ({ [name]: value } as Partial<Record<Name, string>>);
}

/** `[days-][hours:]minutes:seconds`; undefined for UNLIMITED, INVALID and the like. */
function secondsOf(text: string): number | undefined {
  const [, days = '0', hours = '0', minutes, seconds] = /^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)$/.exec(text) ?? [];
  if (minutes === undefined) return undefined;
  return ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
}

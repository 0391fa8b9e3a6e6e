/**
 * Slurm's commands: sbatch, squeue, scontrol and scancel, never sacct, which needs a database that not every cluster
 * has. That the controller is away for a while is nothing unusual: each call has a time-out, and what Slurm does not
 * answer is told apart from what it refuses.
 */
import { randomBytes } from 'node:crypto';
import { execa } from 'execa';
import { SwpError } from '../../../base/failure.ts';
import { fateOf, type JobFate } from './job-fate.ts';
import { parseJobDetails, parseSlurmJobs, SQUEUE_FORMAT, type JobDetails, type SlurmJob } from './slurm-output.ts';

export interface SlurmClientOptions {
  /** What the commands are run with, and found by. */
  env?: NodeJS.ProcessEnv;
  /** A controller that is down is noticed by the commands themselves, after 10 to 20 seconds. */
  timeoutMs?: number;
}

/** `silent`: the controller did not answer, and nothing is known. `message` is in the command's own words. */
export type SlurmAnswer<Value> = { kind: 'answer'; value: Value } | { kind: 'silent'; message: string };

interface How {
  /** For standard input. */
  input?: string;
  timeoutMs?: number;
}
type Command = 'sbatch' | 'squeue' | 'scontrol' | 'scancel';
type Reply =
  { kind: 'answer'; stdout: string } | { kind: 'refused'; message: string } | { kind: 'silent'; message: string };

const TIMEOUT_MS = 30_000;
/** A job that was told to end is killed 30 seconds later (KillWait), if nothing else is configured. */
const FATE_TIMEOUT_MS = 10_000;
/** What the commands say if the controller is down, hangs, or has too much to do. */
const SILENT = [
  'Unable to contact slurm controller',
  'Socket timed out',
  'connect failure',
  'Connection refused',
  'Unexpected message received',
  'Zero Bytes were transmitted',
  'Transport endpoint is not connected',
  'Slurm temporarily unable to accept job',
  'Resource temporarily unavailable',
  'controller in standby mode',
  'Slurmctld\\S* at \\S+ is DOWN',
];
/** An argument of a program may have 128 KiB. */
const IDS_AT_ONCE = 4_000;
const HAS_COMMENT = /^#SBATCH "?--comment\b/m;
const IS_SILENT = new RegExp(SILENT.join('|'), 'i');
const IS_FULL = /temporarily unable to accept job/i;
const FULL = 'it has as many as it keeps (MaxJobCount), those included that have just ended';
const SEND_FEWER =
  'Send fewer, with a longer --bundle such as "60 minutes" or a part at a time; or wait until other jobs have ended.';
const IS_UNKNOWN = /Invalid job id specified|Job \S+ not found/i;
const HAS_ENDED = /Job\/step already completing or completed/i;

export class SlurmClient {
  readonly #env: NodeJS.ProcessEnv;
  readonly #timeoutMs: number;

  constructor({ env = process.env, timeoutMs = TIMEOUT_MS }: SlurmClientOptions = {}) {
    this.#env = env;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * If sbatch has no answer, Slurm may have taken the job nevertheless: it is looked for by its comment.
   * @param script the text of a batch script. If it has a comment, that stays
   * @returns the job's id; of an array, that of all
   * @throws SwpError of kind `scheduler` if Slurm refuses it, or does not answer and shows no such job
   */
  async submit(script: string, args: readonly string[] = []): Promise<string> {
    const mark = HAS_COMMENT.test(script) ? undefined : `swp-${randomBytes(6).toString('hex')}`;
    const comment = mark === undefined ? [] : [`--comment=${mark}`];
    const reply = await this.#ask('sbatch', ['--parsable', ...comment, ...args], { input: script });
    if (reply.kind === 'silent') {
      const taken = mark === undefined ? undefined : await this.#withComment(mark);
      if (taken !== undefined) return taken;
      throw notDone('takes no job', reply, { ifSilent: takenPerhaps(mark) });
    }
    if (reply.kind === 'refused')
      throw notDone('takes no job', reply, { ifRefused: reply.message === FULL ? SEND_FEWER : LOOK_AT_SETTINGS });
    const [, id] = /^(\d+)(;.*)?$/m.exec(reply.stdout.trim()) ?? []; // "12;cluster" where there are several
    if (id !== undefined) return id;
    throw notDone('takes no job', { kind: 'refused', message: `sbatch answers ${reply.stdout.trim()}` });
  }

  /**
   * What has become of jobs. Slurm forgets one some minutes after its end (MinJobAge), and at once if it is cancelled
   * while it waits.
   * @param ids such as `123_4`
   * @returns those that Slurm knows, by id
   */
  async jobs(ids: readonly string[]): Promise<SlurmAnswer<Map<string, SlurmJob>>> {
    // Not by arrays: of an array such as 0,2,4 squeue then leaves out the last element that waits.
    const found = await this.#squeue(ids);
    if (found.kind === 'silent') return found;
    const arrayOf = (id: string) => id.split('_')[0]!;
    const absent = ids.filter((id) => !found.value.has(id) && arrayOf(id) !== id);
    // An array whose elements were cancelled before any of it began is one job without elements.
    const arrays = await this.#squeue([...new Set(absent.map(arrayOf))]);
    if (arrays.kind === 'silent') return arrays;
    const value = new Map<string, SlurmJob>();
    for (const id of ids) {
      const job = found.value.get(id) ?? arrays.value.get(id) ?? arrays.value.get(arrayOf(id));
      if (job !== undefined) value.set(id, job);
    }
    return { kind: 'answer', value };
  }

  /** @returns undefined for a job that Slurm does not know */
  async show(id: string, timeoutMs = this.#timeoutMs): Promise<SlurmAnswer<JobDetails | undefined>> {
    const reply = await this.#ask('scontrol', ['show', 'job', '--oneliner', id], { timeoutMs });
    if (reply.kind === 'silent') return reply;
    if (reply.kind === 'answer') return { kind: 'answer', value: parseJobDetails(reply.stdout) };
    if (IS_UNKNOWN.test(reply.message)) return { kind: 'answer', value: undefined };
    throw notDone(`tells nothing of job ${id}`, reply);
  }

  /** What Slurm intends with a job that was told to end: asked by the job itself, of this start of it. */
  async fate(id: string): Promise<JobFate> {
    const shown = await this.show(id, Math.min(FATE_TIMEOUT_MS, this.#timeoutMs));
    const starts = Number(this.#env.SLURM_RESTART_COUNT ?? 0);
    return fateOf(shown.kind === 'answer' ? shown.value : undefined, starts);
  }

  /**
   * Lets a job start again, also one that has ended or was cancelled. Slurm ends what runs of it.
   * @throws SwpError of kind `scheduler`
   */
  async requeue(id: string): Promise<void> {
    const reply = await this.#ask('scontrol', ['requeue', id]);
    if (reply.kind !== 'answer') throw notDone(`does not queue job ${id} again`, reply);
  }

  /**
   * Ends jobs. What has ended or is not known needs no ending.
   * @throws SwpError of kind `scheduler`
   */
  async cancel(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const reply = await this.#ask('scancel', [...ids]);
    if (reply.kind === 'answer') return;
    const lines = reply.message.split('; ').filter((line) => !IS_UNKNOWN.test(line) && !HAS_ENDED.test(line));
    if (lines.length > 0) throw notDone('does not cancel', reply, { ifRefused: 'Try again, or use scancel.' });
  }

  /** The numbers of an array's jobs are below this. */
  async maxArraySize(): Promise<SlurmAnswer<number>> {
    const reply = await this.#ask('scontrol', ['show', 'config']);
    if (reply.kind === 'silent') return reply;
    const [, size] = /^MaxArraySize\s*=\s*(\d+)/m.exec(reply.kind === 'answer' ? reply.stdout : '') ?? [];
    return { kind: 'answer', value: Number(size ?? DEFAULT_MAX_ARRAY_SIZE) };
  }

  /** What squeue shows of some jobs, by the ids that it shows. */
  async #squeue(ids: readonly string[]): Promise<SlurmAnswer<Map<string, SlurmJob>>> {
    const found = new Map<string, SlurmJob>();
    for (let first = 0; first < ids.length; first += IDS_AT_ONCE) {
      const reply = await this.#ask('squeue', [
        ...['--noheader', '--array', '--states=all', `--format=${SQUEUE_FORMAT}`],
        `--jobs=${ids.slice(first, first + IDS_AT_ONCE).join(',')}`,
      ]);
      if (reply.kind === 'silent') return reply;
      if (reply.kind === 'answer') for (const [id, job] of parseSlurmJobs(reply.stdout)) found.set(id, job);
      else if (!IS_UNKNOWN.test(reply.message)) throw notDone('tells nothing of jobs', reply);
    }
    return { kind: 'answer', value: found };
  }

  /** The id of one's own job with this comment; undefined if there is none, or Slurm does not answer. */
  async #withComment(comment: string): Promise<string | undefined> {
    const reply = await this.#ask('squeue', ['--noheader', '--me', '--states=all', '--format=%F|%k']);
    if (reply.kind !== 'answer') return undefined;
    const line = reply.stdout.split('\n').find((each) => each.endsWith(`|${comment}`));
    return line?.split('|')[0];
  }

  /** @throws SwpError of kind `unavailable` if there is no such command */
  async #ask(command: Command, args: string[], how: How = {}): Promise<Reply> {
    const reply = await this.#askOnce(command, args, how);
    // Slurm ends a job by a signal to all its processes, also to a command that asks about just that.
    const final = reply === 'ended' ? await this.#askOnce(command, args, how) : reply;
    return final === 'ended' ? { kind: 'silent', message: `${command} was ended by SIGTERM` } : final;
  }

  async #askOnce(command: Command, args: string[], how: How): Promise<Reply | 'ended'> {
    const { input, timeoutMs = this.#timeoutMs } = how;
    const { stdout, stderr, exitCode, code, timedOut, signal } = await execa(command, args, {
      reject: false,
      ...(input === undefined ? { stdin: 'ignore' } : { input }),
      cwd: '/',
      env: environmentFor(command, this.#env, input),
      extendEnv: false,
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    if (code === 'ENOENT' || code === 'EACCES') throw notFound(command);
    const message = words(command, stderr) || words(command, stdout);
    // It tries again by itself, and was never given a number.
    if (timedOut && command === 'sbatch' && IS_FULL.test(message)) return { kind: 'refused', message: FULL };
    if (timedOut) return { kind: 'silent', message: `${command} had no answer in ${timeoutMs / 1_000} s` };
    if (exitCode === 0) return { kind: 'answer', stdout };
    if (signal === 'SIGTERM' && command !== 'sbatch') return 'ended';
    if (exitCode === undefined) return { kind: 'silent', message: `${command} was ended by ${signal ?? code}` };
    return { kind: IS_SILENT.test(message) ? 'silent' : 'refused', message: message || `exit code ${exitCode}` };
  }
}

const DEFAULT_MAX_ARRAY_SIZE = 1001;
const LOOK_AT_SETTINGS =
  'Look at what jobs ask for: --partition, --account, --time, --memory and so on, or swp.config.json. `sinfo` lists partitions.';

/** @param mark the job's comment, unless it has one of the user's */
function takenPerhaps(mark: string | undefined): string {
  const shown =
    mark === undefined ? '`squeue --me` shows it' : `\`squeue --me -o '%i %k'\` shows it with the comment ${mark}`;
  return (
    `Try again when \`scontrol ping\` finds it up. It may have taken the job nevertheless: then ${shown}. ` +
    'That does no harm, as nothing is computed twice; scancel ends it.'
  );
}

/**
 * Without variables by which a user filters what squeue shows, or which an allocation has: they would change what is
 * asked. Those of sbatch win over what a script says: the ones that are kept hold where it says nothing.
 */
function environmentFor(command: Command, env: NodeJS.ProcessEnv, script = ''): NodeJS.ProcessEnv {
  const isKept = (name: string) => {
    if (/^(SQUEUE|SCANCEL)_/.test(name)) return false;
    if (command !== 'sbatch') return true;
    if (name.startsWith('SBATCH_')) {
      const option = KEPT_VARIABLES[name];
      return option !== undefined && !new RegExp(`^#SBATCH "?--${option}\\b`, 'm').test(script);
    }
    // Jobs get the variables of whoever submits them, who may sit in another job.
    return !name.startsWith('SLURM_') || ['SLURM_CONF', 'SLURM_CLUSTERS'].includes(name);
  };
  return { ...Object.fromEntries(Object.entries(env).filter(([name]) => isKept(name))), LC_ALL: 'C' };
}

/** What jobs ask for, and from whom, by the option of sbatch. Others would change what a job does, or wait for it. */
const KEPT_VARIABLES: Readonly<Record<string, string>> = {
  SBATCH_ACCOUNT: 'account',
  SBATCH_PARTITION: 'partition',
  SBATCH_QOS: 'qos',
  SBATCH_TIMELIMIT: 'time',
  SBATCH_CONSTRAINT: 'constraint',
  SBATCH_RESERVATION: 'reservation',
  SBATCH_EXPORT: 'export',
};

/** What a command says, without its name before each line. */
function words(command: Command, text: string): string {
  const lines = text.split('\n').map((line) => line.replace(`${command}: `, '').replace('error: ', '').trim());
  return lines.filter((line) => line !== '').join('; ');
}

/** The remedies are of this call; others serve for any. */
function notDone(
  what: string,
  reply: Exclude<Reply, { kind: 'answer' }>,
  { ifRefused, ifSilent }: { ifRefused?: string; ifSilent?: string } = {},
): SwpError {
  if (reply.kind === 'refused')
    return new SwpError({
      kind: 'scheduler',
      answers: true,
      message: `Slurm ${what}: ${reply.message}`,
      remedy: ifRefused ?? 'What it says is in the words of its own commands.',
    });
  return new SwpError({
    kind: 'scheduler',
    answers: false,
    message: `Slurm does not answer: ${reply.message}`,
    remedy: ifSilent ?? 'Jobs that run go on without it. Try again when `scontrol ping` finds it up.',
  });
}

function notFound(command: Command): SwpError {
  return new SwpError({
    kind: 'unavailable',
    what: 'jobs of Slurm',
    message: `there is no ${command}`,
    remedy:
      "Run swp on a login node of the cluster, with Slurm's commands in PATH; some clusters have a module for them.",
  });
}

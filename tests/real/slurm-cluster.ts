/**
 * A real Slurm on this machine: a controller and several node daemons, in a folder and on ports of their own, so that
 * several run side by side. Its daemons are children of the test's process and end with it.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, rmdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa, type ResultPromise } from 'execa';
import { requireRoot, requireSlurm } from './requirements.ts';
import { killProcesses, processesWith, withDescendants } from './running-processes.ts';
import { FAKE_GPU, MUNGE_SOCKET, slurmConf, type SlurmOptions, type SlurmPlace } from './slurm-conf.ts';

const DAEMON_PATH = `${process.env.PATH}:/usr/sbin`;
/** A variable by which the daemon of a node and the caretakers of its jobs are known. */
const OF_NODE = 'SWP_TEST_SLURM_NODE';
const POLL_MS = 50;
/** How long something may take that takes a second or two on a quiet machine. */
const PATIENCE_MS = 120_000;

export interface TestUser {
  name: string;
  uid: number;
  gid: number;
  /** A folder of the user's own. */
  home: string;
}

type Command = ResultPromise<{ reject: false; stdin: 'ignore' }>;
type Daemon = ResultPromise<{ reject: false; stdio: 'ignore' }>;

export class SlurmCluster {
  readonly directory: string;
  /** Names of the nodes. */
  readonly nodes: string[];
  /** With which Slurm's commands reach this cluster. */
  readonly env: NodeJS.ProcessEnv;
  readonly #place: SlurmPlace;
  readonly #users: TestUser[] = [];
  readonly #nodeDaemons = new Map<string, Daemon>();
  #munged: Daemon | undefined;
  #controller: Daemon | undefined;

  private constructor(place: SlurmPlace) {
    this.#place = place;
    this.directory = place.directory;
    this.nodes = place.nodes.map(({ name }) => name);
    this.env = { ...process.env, SLURM_CONF: join(place.directory, 'slurm.conf') };
  }

  /** Resolves when all nodes wait for jobs. Whoever starts a cluster stops it: `afterAll(() => cluster.stop())`. */
  static async start(options: SlurmOptions = {}): Promise<SlurmCluster> {
    requireRoot();
    await requireSlurm();
    const { nodes = 1, gpus = 2 } = options;
    const directory = await realpath(await mkdtemp(join(tmpdir(), 'swp-slurm-')));
    const port = await freePorts(nodes + 1);
    const place: SlurmPlace = {
      directory,
      controllerPort: port,
      // Slurm names cgroups by the node alone: nodes of clusters that run side by side are named differently.
      nodes: Array.from({ length: nodes }, (_, n) => ({ name: `n${n + 1}p${port}`, port: port + n + 1 })),
    };
    const cluster = new SlurmCluster(place);
    try {
      await chmod(directory, 0o755); // for other users
      for (const folder of ['state', 'spool', 'log', 'munge', 'dev', 'pid', 'home'])
        await mkdir(join(directory, folder), { mode: 0o755 });
      for (const [file, text] of Object.entries(slurmConf(place, options)))
        await writeFile(join(directory, file), text);
      for (const name of cluster.nodes) await mkdir(join(directory, 'spool', name));
      // Slurm sets CUDA_VISIBLE_DEVICES where a GPU is a device; these are like /dev/null.
      for (let gpu = 0; gpu < gpus; gpu++) await execa('mknod', [join(directory, FAKE_GPU) + gpu, 'c', '1', '3']);
      await cluster.#startMunge();
      await cluster.startController('-i', '-c'); // there is no earlier state
      await Promise.all(cluster.nodes.map((node) => cluster.startNode(node)));
      await cluster.until(
        () => cluster.#idleNodes(),
        (idle) => idle === nodes,
        'all nodes are idle',
      );
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Runs a command of Slurm, or any other, with this cluster. @param user as whom; root if absent */
  run(command: string, args: string[], user?: TestUser): Command {
    return execa(command, args, {
      reject: false,
      stdin: 'ignore',
      cwd: user?.home ?? this.directory,
      env: { ...this.env, ...(user && { HOME: user.home, USER: user.name, LOGNAME: user.name }) },
      ...(user && { uid: user.uid, gid: user.gid }),
    });
  }

  /** Submits a script (its text, with #!). @returns the job's id */
  async submit(script: string, args: string[] = [], user?: TestUser): Promise<string> {
    const folder = user?.home ?? this.directory;
    const path = join(folder, `${randomBytes(4).toString('hex')}.sh`);
    await writeFile(path, script, { mode: 0o755 });
    const { stdout, stderr, exitCode } = await this.run('sbatch', ['--parsable', ...args, path], user);
    if (exitCode !== 0) throw new Error(`sbatch: ${String(stderr)}`);
    return String(stdout).trim();
  }

  /** The fields of `scontrol show job`; none if Slurm does not know the job. @param id 12, or 12_3 in an array */
  async job(id: string): Promise<Record<string, string>> {
    const { stdout } = await this.run('scontrol', ['show', 'job', '-o', id]);
    const fields = [...String(stdout).matchAll(/(\S+?)=(.*?)(?= \S+?=|$)/gm)];
    return Object.fromEntries(fields.map(([, name, value]) => [name, value]));
  }

  /** Waits until the job is in one of these states (RUNNING, COMPLETED, ...). @returns its fields then */
  async untilJob(id: string, ...states: string[]): Promise<Record<string, string>> {
    return this.until(
      () => this.job(id),
      ({ JobState }) => JobState !== undefined && states.includes(JobState),
      `job ${id} is ${states.join(' or ')}`,
    );
  }

  /** Asks again and again until the answer is good. @param what for the message if it never is */
  async until<Answer>(
    ask: () => Promise<Answer> | Answer,
    good: (answer: Answer) => boolean,
    what: string,
    patienceMs = PATIENCE_MS,
  ): Promise<Answer> {
    const end = performance.now() + patienceMs;
    for (;;) {
      const answer = await ask();
      if (good(answer)) return answer;
      if (performance.now() > end)
        throw new Error(
          `It never came that ${what}; the last answer was ${JSON.stringify(answer)}. ` +
            `The controller wrote: ${await this.log('slurmctld')}`,
        );
      await delay(POLL_MS);
    }
  }

  /** The end of what the controller (`slurmctld`) or a node has written. */
  async log(daemon: string): Promise<string> {
    const text = await readFile(join(this.directory, 'log', daemon), 'utf8').catch(() => '');
    return text.split('\n').slice(-20).join('\n');
  }

  /** Also for one that was stopped: it knows the jobs that it knew. */
  async startController(...args: string[]): Promise<void> {
    this.#controller = this.#daemon('slurmctld', ['-D', ...args, '-f', this.env.SLURM_CONF!]);
    await this.until(
      async () => (await this.run('scontrol', ['ping'])).stdout,
      (text) => /is UP/.test(String(text)),
      'the controller answers',
    );
  }

  async stopController(): Promise<void> {
    await end(this.#controller);
    this.#controller = undefined;
  }

  /** Also for one that was killed. */
  async startNode(node: string): Promise<void> {
    const args = ['-D', '-N', node, '-f', this.env.SLURM_CONF!];
    this.#nodeDaemons.set(node, this.#daemon('slurmd', args, { [OF_NODE]: node }));
  }

  /**
   * The node dies: its daemon and all processes of its jobs end at once, and nobody tells the controller.
   * @param spared `jobs`: only the daemon dies, as where a node has lost its network, and the jobs run on
   */
  async killNode(node: string, spared?: 'jobs'): Promise<void> {
    const daemon = this.#nodeDaemons.get(node)!;
    if (spared === 'jobs') daemon.kill('SIGKILL');
    else await this.#killAll(() => [...processesWith(OF_NODE, node), ...processesWith('SLURMD_NODENAME', node)]);
    await daemon;
    this.#nodeDaemons.delete(node);
  }

  /** The controller takes the node for dead at once; by itself it does so after 10 to 30 seconds. */
  async declareDead(node: string): Promise<void> {
    await this.run('scontrol', ['update', `nodename=${node}`, 'state=down', 'reason=dead']);
  }

  /** A new user of this machine; gone when the cluster stops. */
  async addUser(name: string): Promise<TestUser> {
    const full = `${name}${this.#place.controllerPort}`;
    const home = join(this.directory, 'home', full);
    // Another test may be at the list of users: useradd refuses then.
    await this.until(
      () =>
        execa('useradd', ['--no-create-home', '--home-dir', home, full], { reject: false, env: { PATH: DAEMON_PATH } }),
      ({ exitCode }) => exitCode === 0,
      `useradd makes ${full}`,
    );
    const id = async (what: string) => Number((await execa('id', [what, full])).stdout);
    const user = { name: full, uid: await id('-u'), gid: await id('-g'), home };
    this.#users.push(user);
    await execa('install', ['-d', '-o', String(user.uid), '-g', String(user.gid), home]);
    return user;
  }

  /** Ends everything that the cluster started, and removes its folder. */
  async stop(): Promise<void> {
    if (this.#controller !== undefined) {
      // Nothing new starts while the jobs end.
      await this.run('scontrol', ['update', 'partition=main', 'State=DOWN']);
      for (const state of ['PENDING', 'RUNNING', 'SUSPENDED'])
        await this.run('scancel', [`--state=${state}`, '--quiet']);
    }
    // A node daemon without its controller ignores SIGTERM: it goes first.
    await Promise.all([...this.#nodeDaemons.values()].map(end));
    await end(this.#controller);
    await end(this.#munged);
    await this.#killAll(() => processesWith('SLURM_CONF', this.env.SLURM_CONF!).filter((pid) => pid !== process.pid));
    for (const node of this.nodes) await removeCgroups(`slurm_${node}`);
    for (const { name } of this.#users)
      await this.until(
        () => execa('userdel', [name], { reject: false, env: { PATH: DAEMON_PATH } }),
        ({ exitCode }) => exitCode === 0,
        `userdel removes ${name}`,
      );
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  async #startMunge(): Promise<void> {
    const at = (file: string) => join(this.directory, 'munge', file);
    await writeFile(at('key'), randomBytes(128), { mode: 0o400 });
    const socket = join(this.directory, MUNGE_SOCKET);
    const files = [`--key-file=${at('key')}`, `--seed-file=${at('seed')}`, `--pid-file=${at('pid')}`];
    this.#munged = this.#daemon('munged', ['--foreground', '--num-threads=2', `--socket=${socket}`, ...files]);
    await this.until(
      () => execa('munge', ['--no-input', `--socket=${socket}`], { reject: false }),
      ({ exitCode }) => exitCode === 0,
      'munge answers',
    );
  }

  /** Kills what `find` finds, with all that they started, until there is nothing more. */
  async #killAll(find: () => number[]): Promise<void> {
    await this.until(
      () => {
        const found = find();
        killProcesses(withDescendants(found));
        return found;
      },
      (found) => found.length === 0,
      'these processes end',
    );
  }

  #daemon(program: string, args: string[], env: NodeJS.ProcessEnv = {}): Daemon {
    return execa(program, args, {
      reject: false,
      stdio: 'ignore',
      env: { ...this.env, ...env, PATH: DAEMON_PATH },
    });
  }

  async #idleNodes(): Promise<number> {
    const { stdout } = await this.run('sinfo', ['--noheader', '--Node', '--states=idle', '--partition=main']);
    return String(stdout)
      .split('\n')
      .filter((line) => line !== '').length;
  }
}

async function end(daemon: Daemon | undefined): Promise<void> {
  daemon?.kill('SIGTERM');
  await daemon;
}

/** @returns the first of `count` ports in a row that are free, below those that Linux gives to outgoing connections */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = randomInt(12_000, 32_000);
    const servers = Array.from({ length: count }, (_, n) => createServer().listen(first + n));
    const free = await Promise.all(
      servers.map((server) => once(server, 'listening').then(...([() => true, () => false] as const))),
    );
    await Promise.all(servers.filter((server) => server.listening).map((server) => once(server.close(), 'close')));
    if (free.every(Boolean)) return first;
  }
}

/** What Slurm left of a node's cgroups, which would be there until this machine restarts. */
async function removeCgroups(name: string): Promise<void> {
  const controllers = await readdir('/sys/fs/cgroup').catch(() => []);
  for (const controller of controllers) {
    const top = join('/sys/fs/cgroup', controller, name);
    const below = await readdir(top, { withFileTypes: true, recursive: true }).catch(() => []);
    const folders = below.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
    for (const folder of [top, ...folders].toSorted((a, b) => b.length - a.length)) await rmdir(folder).catch(() => {});
  }
}

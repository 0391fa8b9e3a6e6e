/** A project in a temporary folder, on which tests run the real command line as a child process. */
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa, type ResultPromise } from 'execa';
import { onTestFinished } from 'vitest';

/** Path of bin/swp.js. */
export const command = join(dirname(fileURLToPath(import.meta.url)), '../../bin/swp.js');

export interface SwpResult {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
  /** Standard output as JSON, one value per line. */
  json<Value = Record<string, unknown>>(): Value[];
}

export class SwpProject {
  /** What programs get besides, or without where a value is undefined. */
  env: NodeJS.ProcessEnv = {};

  private constructor(readonly root: string) {}

  /** Removed again when the test is over. */
  static async create(study: unknown): Promise<SwpProject> {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'swp-')));
    onTestFinished(() => rm(root, { recursive: true, force: true }));
    const project = new SwpProject(root);
    await project.write('pipeline.json', study);
    return project;
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /** Writes a text, or a value as JSON. */
  async write(file: string, content: unknown): Promise<void> {
    const path = this.path(file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`);
  }

  read(file: string): Promise<string> {
    return readFile(this.path(file), 'utf8');
  }

  /**
   * Runs `swp ...args` in the project and waits for its end, whatever its exit code. Unless `args` say otherwise, nodes
   * run one at a time: another worker takes longer to start than the nodes of these studies take.
   */
  async swp(...args: string[]): Promise<SwpResult> {
    const inOneWorker = args[0] === 'repro' && !args.includes('--jobs') && !args.includes('--help');
    const { exitCode, stdout, stderr } = await this.start(...args, ...(inOneWorker ? ['--jobs', '1'] : []));
    const json = <Value>() =>
      String(stdout)
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Value);
    return { exitCode, stdout: String(stdout), stderr: String(stderr), json };
  }

  /** Starts it, for tests that act while it runs. It does not outlive the test. */
  start(...args: string[]): ResultPromise<{ reject: false }> {
    return this.startProgram(process.execPath, [command, ...args]);
  }

  /**
   * Starts another program in the project, such as one that starts swp, in a process group of its own. It does not
   * outlive the test.
   */
  startProgram(
    program: string,
    args: string[],
    options: { detached?: boolean; stdio?: ['pipe', 'pipe', 'pipe', 'pipe'] } = {},
  ): ResultPromise<{ reject: false }> {
    const running = execa(program, args, {
      ...options,
      cwd: this.root,
      reject: false,
      env: {
        ...{ NO_COLOR: '1', COLUMNS: '100', SWP_CACHE: undefined, SWP_PROFILE: undefined, FORCE_COLOR: undefined },
        XDG_CACHE_HOME: this.path('.user'), // what swp notes for its user
        XDG_CONFIG_HOME: this.path('.user'), // what its user has set
        ...this.env,
      },
    }) as ResultPromise<{ reject: false }>;
    onTestFinished(() => void running.kill('SIGKILL'));
    return running;
  }
}

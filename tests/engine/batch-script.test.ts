/** The script of a job: what it asks of Slurm, and what it does when Bash runs it. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchScript, logName, type BatchScript } from '../../src/engine/executors/slurm/batch-script.ts';
import type { SlurmSettings } from '../../src/engine/executors/slurm/settings.ts';

const LEAST: SlurmSettings = { cpus: 1, setup: [], signal: 120, options: [] };

type Options = Partial<Omit<BatchScript, 'array'> & Omit<BatchScript['array'], 'settings'>> & { settings?: object };

function scriptOf({ settings, bundles = [0], offset = 0, limit, ...others }: Options = {}): string {
  return batchScript({
    array: { settings: { ...LEAST, ...settings }, bundles, offset, ...(limit !== undefined && { limit }) },
    name: 'A1/s0',
    after: [],
    folder: '/study',
    logFolder: '/cache/logs',
    timeSignal: 'SIGUSR2',
    command: ['/usr/bin/node', '/opt/swp.js', 'work'],
    ...others,
  });
}

/** Without `#SBATCH`. */
const optionsIn = (script: string) => [...script.matchAll(/^#SBATCH (.*)$/gm)].map(([, option]) => option!);
const optionIn = (script: string, name: string) =>
  optionsIn(script).find((option) => option.replace('"', '').startsWith(`--${name}=`));

describe('what it asks of Slurm', () => {
  test('of a job that asks for everything', () => {
    const settings: SlurmSettings = {
      ...{ partition: 'gpu,gpu-long', account: 'lab', qos: 'high', time: '1-12:00:00', gpus: 'a100:1', cpus: 4 },
      ...{ memory: 16_384, constraint: 'a100|h100', signal: 300, setup: ['module load node/22', "echo it's on"] },
      options: ['--mail-type=END', '--gres=tmp:10', '--comment=prune & "train"'],
    };
    expect(scriptOf({ settings, bundles: [103, 104, 105, 107], limit: 2, after: ['12_3', '15_0'], offset: 100 }))
      .toMatchInlineSnapshot(`
        "#!/bin/bash
        #SBATCH --job-name=swp-A1/s0
        #SBATCH --array=3-5,7%2
        #SBATCH --partition=gpu,gpu-long
        #SBATCH --account=lab
        #SBATCH --qos=high
        #SBATCH --time=1-12:00:00
        #SBATCH --nodes=1
        #SBATCH --ntasks=1
        #SBATCH --cpus-per-task=4
        #SBATCH --mem=16384M
        #SBATCH --gres=gpu:a100:1,tmp:10
        #SBATCH "--constraint=a100|h100"
        #SBATCH --chdir=/study
        #SBATCH --output=/cache/logs/100+%a.log
        #SBATCH --open-mode=append
        #SBATCH --signal=B:USR2@300
        #SBATCH --dependency=afterany:12_3:15_0
        #SBATCH --kill-on-invalid-dep=yes
        #SBATCH --requeue
        #SBATCH --mail-type=END
        #SBATCH "--comment=prune & \\"train\\""

        trap '' USR2
        setup_failed() { printf 'swp: this line of "setup" failed with exit code %s: %s\\n' "$@" >&2; exit 1; }
        eval 'module load node/22' || setup_failed "$?" 'module load node/22'
        eval 'echo it'\\''s on' || setup_failed "$?" 'echo it'\\''s on'
        exec /usr/bin/node /opt/swp.js work "$((100 + SLURM_ARRAY_TASK_ID))"
        "
      `);
  });

  test('of a job that asks for nothing: no limit, no GPU, no memory but the partition’s own', () => {
    const script = scriptOf();
    expect(script).not.toContain('setup_failed');
    expect(optionsIn(script)).toMatchInlineSnapshot(`
      [
        "--job-name=swp-A1/s0",
        "--array=0",
        "--nodes=1",
        "--ntasks=1",
        "--cpus-per-task=1",
        "--chdir=/study",
        "--output=/cache/logs/%a.log",
        "--open-mode=append",
        "--signal=B:USR2@120",
        "--requeue",
      ]
    `);
  });

  test('0 GPUs are none, and memory 0 is all of a machine', () => {
    const script = scriptOf({ settings: { gpus: '0', memory: 0 } });
    expect(optionIn(script, 'gres')).toBeUndefined();
    expect(optionIn(script, 'mem')).toBe('--mem=0M');
  });

  test.each([
    ['/a b/%a', '"--output=/a b/%%a/%a.log"'],
    ['/it\'s "x"#1', '"--output=/it\'s \\"x\\"#1/%a.log"'],
    ['/$HOME', '"--output=/$HOME/%a.log"'],
  ])('logs into %s', (logFolder, option) => expect(optionIn(scriptOf({ logFolder }), 'output')).toBe(option));

  test('logs have the names of bundles, as far as Slurm can name them so', () => {
    expect([logName({ offset: 0 }, 3), logName({ offset: 1000 }, 1003)]).toEqual(['3.log', '1000+3.log']);
  });

  test('paths that Slurm cannot take are refused', () => {
    expect(() => scriptOf({ logFolder: '/a\\b' })).toThrow(
      'Slurm writes no logs of jobs into "/a\\\\b": the path has a backslash.',
    );
    for (const path of [{ logFolder: '/a\nb' }, { folder: '/a\nb' }])
      expect(() => scriptOf(path)).toThrow('Slurm runs no jobs with "/a\\nb": the path has a new line in it.');
  });
});

const FAKE_SWP =
  'console.log(JSON.stringify([process.argv.slice(2), process.env.SWP_TEST_MARK ?? null, process.pid]));';

describe('what it does', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'swp-batch-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Runs it as Slurm would, with a program in the place of swp that tells its arguments and what it is run in. */
  async function run(options: { setup?: string[]; args?: string[]; place?: string; task?: number; offset?: number }) {
    const { setup = [], args = [], place = 'swp', task = 0, offset = 0 } = options;
    const program = join(folder, place, 'swp.cjs');
    await mkdir(join(folder, place), { recursive: true });
    await writeFile(program, FAKE_SWP);
    const path = join(folder, 'job.sh');
    const command = [process.execPath, program, ...args];
    await writeFile(path, scriptOf({ settings: { setup }, command, offset }));
    const child = execa('bash', [path], {
      reject: false,
      env: { SLURM_ARRAY_TASK_ID: String(task), SWP_TEST_MARK: undefined },
    });
    const { exitCode, stdout, stderr } = await child;
    const [given, mark, pid] = stdout === '' ? [] : (JSON.parse(stdout) as [string[], string | null, number]);
    return { exitCode, stderr, given, mark, isSameProcess: pid === child.pid };
  }

  test('becomes swp, with the number of the bundle', async () => {
    expect(await run({ args: ['work', '--submission', '/cache', '--bundle'], task: 3, offset: 40 })).toMatchObject({
      exitCode: 0,
      given: ['work', '--submission', '/cache', '--bundle', '43'],
      isSameProcess: true,
    });
  });

  test('whatever is in paths', async () => {
    const text = fc.string({ unit: fc.constantFrom(...` '"$\`\\;&|<>(){}*?!#~%\nä-aZ0`), minLength: 1 });
    const name = text.map((each) => each.replaceAll('/', '').trim()).filter((each) => each !== '');
    await fc.assert(
      fc.asyncProperty(text, name, async (arg, place) => {
        expect((await run({ args: [arg], place: `x${place}` })).given).toEqual([arg, '0']);
      }),
      { numRuns: 30 },
    );
  });

  test('runs the lines of setup first, in the same shell', async () => {
    const setup = ['cd /  # a comment', 'greet() { echo "$1 $#"; }', `export SWP_TEST_MARK="$(greet 'a b') $# $PWD"`];
    expect(await run({ setup })).toMatchObject({ exitCode: 0, mark: 'a b 1 0 /', stderr: '' });
  });

  test.each([
    ['module load nothing', 127],
    ['false', 1],
    ["echo 'half", 2],
    ['(exit 7)', 7],
  ])('a line of setup that fails ends it: %s', async (line, code) => {
    const { exitCode, stderr, given } = await run({ setup: ['true', line, 'export SWP_TEST_MARK=1'] });
    expect([exitCode, given]).toEqual([1, undefined]);
    expect(stderr.split('\n').at(-1)).toBe(`swp: this line of "setup" failed with exit code ${code}: ${line}`);
  });
});

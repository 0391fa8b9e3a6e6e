/** swp.config.json: what a user, a study and a command say of where nodes run, and how it is told what is wrong. */
import { mkdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { Failure, SwpError } from '../../src/base/failure.ts';
import { bundlingOf, readConfig, slurmSettingsOf, type Config } from '../../src/project/config.ts';
import { chooseExecutor } from '../../src/project/executor-choice.ts';
import { openDeclaration } from '../../src/project/project.ts';
import { smallestStudy } from '../support/smallest-study.ts';
import { SwpProject } from '../support/swp-project.ts';

const study = await smallestStudy();

interface Files {
  user?: unknown;
  study?: unknown;
}

async function projectWith({ user, study: own }: Files): Promise<SwpProject> {
  const project = await SwpProject.create(study);
  if (user !== undefined) await project.write('.user/swp/swp.config.json', user);
  if (own !== undefined) await project.write('swp.config.json', own);
  return project;
}

/** What the files of a user and of a study say together. */
async function configOf(files: Files): Promise<Config> {
  const project = await projectWith(files);
  const declaration = await openDeclaration({ pipeline: project.path('pipeline.json') });
  return readConfig(declaration, { XDG_CONFIG_HOME: project.path('.user') });
}

const dryRun = async (files: Files, ...options: string[]) =>
  (await projectWith(files)).swp('repro', '--dry-run', ...options);

describe('what holds', () => {
  test('without a file: nodes run on this machine, and a job would have one CPU', async () => {
    const config = await configOf({});
    expect(chooseExecutor(config, { slurm: {} })).toEqual({ executor: 'local' });
    expect(slurmSettingsOf(config, {}, 'train')).toEqual({ cpus: 1, setup: [], signal: 120, options: [] });
    expect(bundlingOf(config, {})).toBe('run');
  });

  test.each(['', ' \n', '{}', { $schema: '../schemas/config.schema.json' }])('with an empty file: %j', async (file) =>
    expect(await configOf({ user: file, study: file })).toEqual({ slurm: { stages: {} } }),
  );

  test('options over the study over the user, and what is said of a stage over what is said of all', async () => {
    const config = await configOf({
      user: {
        executor: 'slurm',
        slurm: {
          partition: 'gpu',
          account: 'lab',
          setup: ['a', 'b'],
          stages: { prune: { partition: 'cpu', cpus: 4 } },
        },
      },
      study: {
        slurm: { partition: 'gpu-long', setup: ['c'], stages: { prune: { cpus: 8 }, train: { account: null } } },
      },
    });
    const partitions = (options: { partition?: string }) =>
      ['train', 'prune', 'eval'].map((stage) => slurmSettingsOf(config, options, stage).partition);
    expect(chooseExecutor(config, { slurm: {} })).toEqual({ executor: 'slurm', slurm: {} });
    expect(partitions({})).toEqual(['gpu-long', 'cpu', 'gpu-long']);
    expect(partitions({ partition: 'debug' })).toEqual(['debug', 'debug', 'debug']);
    expect(slurmSettingsOf(config, {}, 'prune')).toMatchObject({ cpus: 8, account: 'lab', setup: ['c'] });
    expect(slurmSettingsOf(config, {}, 'train')).not.toHaveProperty('account');
    expect(slurmSettingsOf(config, { setup: ['d'] }, 'train')).toMatchObject({ setup: ['d'] });
  });

  test("a user's file may speak of stages that only other studies have", async () => {
    const config = await configOf({ user: { slurm: { stages: { 'sparsity-table': { cpus: 2 } } } } });
    expect(slurmSettingsOf(config, {}, 'train').cpus).toBe(1);
  });

  test('names that every object has are nothing but names', async () => {
    const config = await configOf({});
    expect(slurmSettingsOf(config, {}, 'constructor').cpus).toBe(1);
  });

  test('equal settings are equal texts, however they are written', async () => {
    const settings = async (slurm: unknown) =>
      JSON.stringify(slurmSettingsOf(await configOf({ study: { slurm } }), {}, 'train'));
    expect(await settings({ time: '90 minutes', gpus: 'a100', memory: '1GiB' })).toBe(
      await settings({ memory: '1024', gpus: 'a100:1', time: '1:30:00' }),
    );
  });
});

describe('settings as Slurm takes them', () => {
  const settings = async (slurm: unknown) => slurmSettingsOf(await configOf({ study: { slurm } }), {}, 'train');

  test.each([
    ['30', '00:30:00'],
    ['90 minutes', '01:30:00'],
    ['4 hours', '04:00:00'],
    ['1.5h', '01:30:00'],
    ['2 days', '2-00:00:00'],
    ['10:30', '00:10:30'],
    ['1:00:00', '01:00:00'],
    ['36:00:00', '1-12:00:00'],
    ['2-00:00:00', '2-00:00:00'],
    ['1-6', '1-06:00:00'],
    ['1-6:30', '1-06:30:00'],
    ['unlimited', 'UNLIMITED'],
  ])('a time limit of %s', async (time, taken) => expect((await settings({ time })).time).toBe(taken));

  test.each([
    ['16GB', 15_259],
    ['16G', 16_384],
    ['16 GiB', 16_384],
    ['4000', 4000],
    ['0', 0],
  ])('memory of %s', async (memory, taken) => expect((await settings({ memory })).memory).toBe(taken));

  test.each([
    [0, '0'],
    [2, '2'],
    ['1', '1'],
    ['a100', 'a100:1'],
    ['a100:2', 'a100:2'],
    ['a100:0', '0'],
    ['nvidia_h100_80gb_hbm3:1', 'nvidia_h100_80gb_hbm3:1'],
  ])('gpus: %s', async (gpus, taken) => expect((await settings({ gpus })).gpus).toBe(taken));

  test.each([
    ['run', 'run'],
    ['node', 'node'],
    ['30 minutes', { minutes: 30 }],
    ['2h', { minutes: 120 }],
  ])('bundle: %s', async (bundle, taken) =>
    expect(bundlingOf(await configOf({ study: { slurm: { bundle } } }), {})).toEqual(taken),
  );

  test('a time limit that leaves no time before the signal is refused', async () => {
    const config = await configOf({ study: { slurm: { time: '1:30' } } });
    expect(() => slurmSettingsOf(config, {}, 'train')).toThrow(
      'The jobs of stage train have a time limit of 00:01:30, and are told to end 120 seconds before it, or up to a minute earlier: they could do nothing.',
    );
    expect(slurmSettingsOf(config, { signal: 20 }, 'train').time).toBe('00:01:30');
  });
});

describe('what is wrong', () => {
  test('is shown at its place, with what was meant', async () => {
    const { exitCode, stderr } = await dryRun({
      study: '{\n  "executor": "slum",\n  "slurm": { "partion": "gpu", "stages": { "prun": { "gpus": 0 } } }\n}\n',
    });
    expect(exitCode).toBe(2);
    expect(stderr).toMatchInlineSnapshot(`
      "swp.config.json:2:15 error: "slum" is not possible here.
        2 |   "executor": "slum",
          |               ^^^^^^
        Did you mean "slurm"?
        Expected: "local" or "slurm".

      swp.config.json:3:14 error: "partion" is not known here.
        3 |   "slurm": { "partion": "gpu", "stages": { "prun": { "gpus": 0 } } }
          |              ^^^^^^^^^
        Did you mean "partition"?
        Expected: "partition", "account", "qos", "time", "gpus", "cpus", "memory", "constraint", "setup", "concurrency", "signal", "options", ... (14 in all).

      2 mistakes."
    `);
  });

  test('of a stage: a name that the study lacks', async () => {
    const { stderr } = await dryRun({ study: { slurm: { stages: { prun: {}, tokenize: {} } } } });
    expect(stderr).toMatchInlineSnapshot(`
      "swp.config.json:4:7 error: The study has no stage "prun".
        4 |       "prun": {},
          |       ^^^^^^
        Did you mean "prune"?
        Expected: "tokenize", "load-pretrained", "init", "detect-sw", "eval", "train", "prune", "rewind" or "aggregate"."
    `);
  });

  test("of a stage in a user's file: a name that is nearly one", async () => {
    const { stderr } = await dryRun({ user: { slurm: { stages: { tokenise: {} } } } });
    expect(stderr).toMatchInlineSnapshot(`
      ".user/swp/swp.config.json:4:7 error: There is no stage "tokenise".
        4 |       "tokenise": {}
          |       ^^^^^^^^^^
        Did you mean "tokenize"?
        Expected: "tokenize", "load-pretrained", "init", "detect-sw", "eval", "train", "prune", "rewind", "aggregate", "plant-spikes" or "rate-detector"."
    `);
  });

  const LINE = 'on one line and without control characters';
  const TIME = 'a time limit such as "90 minutes", "4 hours" or, as Slurm writes it, "1-12:00:00"';
  const MEMORY = 'a size such as "16GB" or "16GiB", 64MB or more, or "0" for all of a machine';
  const GPUS = '0, a number of GPUs, or type and number such as "a100:1"';
  const OPTION = 'one option with its value, such as "--mail-type=END"';

  test.each([
    ['time', '1 fortnight', TIME],
    ['time', '0', TIME],
    ['time', '1:2:3:4', TIME],
    ['memory', '16 apples', MEMORY],
    ['memory', '16kB', MEMORY],
    ['gpus', 'auto', GPUS],
    ['gpus', -1, GPUS],
    ['gpus', 'a100:', GPUS],
    ['gpus', '0,1', GPUS],
    ['bundle', '30', '"run", "node", or an amount of work such as "30 minutes"'],
    ['cpus', 0, 'a whole number, at least 1, at most 9999: CPUs of a job'],
    ['cpus', '4', 'a whole number, at least 1, at most 9999: CPUs of a job'],
    ['concurrency', 0, 'a whole number or null, at least 1'],
    ['signal', 0, 'a whole number, at least 1, at most 65535'],
    ['partition', '', `a string or null, ${LINE}`],
    ['setup', ['module load a\nmodule load b'], `a string, ${LINE}: a line of Bash`],
    ['options', ['-N 2'], OPTION],
    ['options', ['--mail-type END'], OPTION],
    ['options', ['--array=1-4'], '"concurrency"; swp itself says which jobs an array has'],
    ['options', ['--outp=x'], 'nothing: swp logs finds what a job wrote'],
    ['options', ['--mem=4G'], '"memory"'],
    ['options', ['--gres=tmp:1,gpu:2'], '"gpus"'],
  ])('%s: %j', async (name, value, expected) => {
    const read = configOf({ study: { slurm: { [name]: value } } });
    const error = await read.then(
      () => undefined,
      (thrown: unknown) => thrown as SwpError,
    );
    const failure = error?.failure as Extract<Failure, { kind: 'study' }>;
    expect(failure.at.text).toContain(JSON.stringify([value].flat()[0]));
    expect(failure.expected).toContain(expected);
  });

  test.each(['--mail-type=END', '--gres=tmp:1', '--exclusive', '--time-min=10', '--nodelist=a[1-3]'])(
    'nothing of the option of sbatch %s',
    async (option) => {
      const config = await configOf({ study: { slurm: { options: [option] } } });
      expect(slurmSettingsOf(config, {}, 'train').options).toEqual([option]);
    },
  );

  test('of a file that is none, or that is no JSON', async () => {
    const project = await projectWith({});
    await mkdir(project.path('swp.config.json'));
    expect(await project.swp('repro', '--dry-run')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('Cannot read') as unknown,
    });
    expect(await dryRun({ user: '{ "slurm": }' })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('.user/swp/swp.config.json:1:12') as unknown,
    });
  });
});

describe('options of swp repro', () => {
  const choose = (config: Config, options: Omit<Parameters<typeof chooseExecutor>[1], 'slurm'>, slurm = {}) => {
    try {
      return chooseExecutor(config, { ...options, slurm });
    } catch (error) {
      return (error as SwpError).failure;
    }
  };
  const nothing: Config = { slurm: { stages: {} } };

  test('GPUs are those of this machine, or of a job of Slurm', () => {
    expect(choose(nothing, { gpus: '0,1' })).toEqual({ executor: 'local' });
    expect(choose(nothing, { gpus: 'a100:1' })).toMatchObject({ kind: 'usage' });
    const gpusOfJob = (gpus: string) => choose(nothing, { executor: 'slurm', gpus });
    expect(['2', 'a100', 'none', 'auto'].map(gpusOfJob)).toEqual(
      ['2', 'a100:1', '0', null].map((gpus) => ({ executor: 'slurm', slurm: { gpus } })),
    );
    expect(gpusOfJob('0,1')).toMatchObject({
      message: '--gpus 0,1 chooses GPUs of this machine; Slurm chooses those of a job.',
    });
  });

  test('an option of jobs is refused where there are none', async () => {
    const { exitCode, stderr } = await dryRun({}, '--partition', 'gpu');
    expect(exitCode).toBe(2);
    expect(stderr).toMatchInlineSnapshot(`
      "error: --partition is for jobs of Slurm, and this run has none: its nodes run on this machine.
        Expected: --executor slurm, or "executor": "slurm" in swp.config.json."
    `);
    expect((await dryRun({ user: { executor: 'slurm' } }, '--partition', 'gpu')).exitCode).toBe(0);
    expect((await dryRun({ user: { executor: 'slurm' } }, '--executor', 'local', '--time', '4h')).exitCode).toBe(2);
  });

  test.each([
    [['--time', '1 fortnight'], 'It must be a time limit such as "90 minutes"'],
    [['--memory', 'lots'], 'It must be a size such as "16GB"'],
    [['--gpus', 'a100:'], 'It must be auto, none, or indices such as 0,1; of a job of Slurm, a number or a100:1.'],
    [['--bundle', 'all'], 'It must be "run", "node", or an amount of work such as "30 minutes".'],
    [['--setup', 'a\nb'], 'It must be a text that is not empty, on one line'],
    [['--signal', '0'], 'It must be a whole number of seconds from 1 to 65535.'],
    [['--executor', 'cloud'], 'Allowed choices are local, slurm.'],
  ])('%j is refused', async (options, said) => {
    const { exitCode, stderr } = await dryRun({}, ...options);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(said);
  });

  test('stand under a heading of their own', async () => {
    const { stdout } = await (await projectWith({})).swp('repro', '--help');
    expect(stdout).toMatch(/\n\nJobs of Slurm .*:\n {2}--executor [^]*\n {2}--partition [^]*\n {2}--signal /);
  });
});

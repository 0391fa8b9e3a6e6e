/** swp init: a study that runs, all of it or nothing, and nothing overwritten. */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { execa } from 'execa';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { SwpError } from '../../src/base/failure.ts';
import { nextSteps } from '../../src/cli/next-steps.ts';
import type { LintFinding } from '../../src/science/lint/finding.ts';
import { createStudy } from '../../src/project/new-study.ts';
import { FailingFiles } from '../support/failing-files.ts';
import { command } from '../support/swp-project.ts';

const FILES = ['.gitignore', 'README.md', 'pipeline.json', 'pipeline.schema.json'];

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'swp-init-'));
  onTestFinished(() => rm(home, { recursive: true }));
});

function swp(folder: string, ...args: string[]) {
  const env = { NO_COLOR: '1', COLUMNS: '100', SWP_CACHE: undefined, SWP_PROFILE: undefined, npm_command: undefined };
  return execa(process.execPath, [command, ...args], { cwd: join(home, folder), reject: false, env });
}

/** Every file and folder below a folder, with the files' content. */
async function contentOf(folder: string): Promise<Record<string, string | undefined>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const texts = entries.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    return [path, entry.isFile() ? await readFile(path, 'utf8') : undefined] as const;
  });
  return Object.fromEntries(await Promise.all(texts));
}

const jsonOf = async (...path: string[]) =>
  JSON.parse(await readFile(join(home, ...path), 'utf8')) as Record<string, unknown>;

test('writes a study without a finding of lint, which runs and reports, and says how', async () => {
  const made = await swp('', 'init', 'my study');
  expect(made).toMatchObject({ exitCode: 0, stderr: '' });
  expect(made.stdout)
    .toBe(`my-study is in ${join(home, 'my study')}: pipeline.json, README.md, .gitignore, pipeline.schema.json.

Next:
  cd 'my study'
  swp lint                     # does the comparison compare what it says?
  swp repro --profile smoke    # does everything run? seconds
  swp repro                    # the study, about a minute on two cores, and its report`);
  expect((await readdir(join(home, 'my study'))).sort()).toEqual(FILES);

  for (const profile of ['full', 'smoke']) {
    const { exitCode, stdout } = await swp('my study', 'lint', '--profile', profile, '--json');
    const { findings } = JSON.parse(stdout) as { findings: LintFinding[] };
    expect([exitCode, findings.filter(({ accepted, severity }) => accepted === null && severity !== 'note')]).toEqual([
      0,
      [],
    ]);
  }
  const run = await swp('my study', 'repro', '--profile', 'smoke');
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  expect(run.stdout).toContain('my-study: 2 runs, 2 complete');
  expect(run.stdout).toContain(`Report: ${join(home, 'my study/report/smoke/index.html')}`);
  // What it has made is no work of a person's.
  await execa('git', ['init', '-q'], { cwd: join(home, 'my study') });
  const { stdout } = await execa('git', ['status', '--porcelain', '-uall'], { cwd: join(home, 'my study') });
  expect(stdout.split('\n').map((line) => line.slice(3))).toEqual(FILES);
});

describe('the folder', () => {
  test('may be here, empty, with other things in it, or many levels down', async () => {
    for (const folder of ['here', 'used']) await mkdir(join(home, folder));
    await writeFile(join(home, 'used/notes.txt'), 'mine');
    expect(await swp('here', 'init')).toMatchObject({ exitCode: 0 });
    expect(await swp('', 'init', 'used')).toMatchObject({ exitCode: 0 });
    expect(await swp('', 'init', 'a/b/c/')).toMatchObject({ exitCode: 0 });
    expect((await readdir(join(home, 'here'))).sort()).toEqual(FILES);
    expect((await readdir(join(home, 'used'))).sort()).toEqual([...FILES, 'notes.txt'].sort());
    expect(await jsonOf('a/b/c/pipeline.json')).toMatchObject({ name: 'c' });
    expect((await swp('here', 'init', '--json', 'sub')).stdout).toBe(
      JSON.stringify({
        folder: join(home, 'here/sub'),
        name: 'sub',
        files: ['pipeline.schema.json', '.gitignore', 'README.md', 'pipeline.json'],
      }),
    );
  });

  test('gives the study its name, as far as that is one, unless --name does', async () => {
    for (const [folder, name] of [
      ['Étude no 3!', 'Etude-no-3'],
      ['.hidden', 'hidden'],
      ['研究', 'study'],
      ['x'.repeat(120), 'x'.repeat(80)],
    ] as const) {
      expect(createStudy(join(home, folder)).name).toBe(name);
      expect(await jsonOf(folder, 'pipeline.json')).toMatchObject({ name });
    }
    await swp('', 'init', 'folder', '--name', 's2');
    expect(await jsonOf('folder/pipeline.json')).toMatchObject({ name: 's2' });
    expect(await readFile(join(home, 'folder/README.md'), 'utf8')).toMatch(/^# s2\n/);
    const refused = await swp('', 'init', 'other', '--name', 'two words');
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain('"two words" cannot be a study\'s name.');
    expect(await readdir(home)).not.toContain('other');
  });
});

test('nothing is overwritten: what is in the way is named, and all of it stays as it was', async () => {
  await mkdir(join(home, 'full'));
  await writeFile(join(home, 'full/README.md'), 'mine');
  await symlink('nowhere', join(home, 'full/pipeline.json'));
  await writeFile(join(home, 'file'), 'mine');
  await symlink('nowhere', join(home, 'link'));
  const before = await contentOf(home);
  const refusals: [string, string][] = [
    ['full', `README.md and pipeline.json are in ${join(home, 'full')} already, and nothing is overwritten.`],
    ['file', `${join(home, 'file')} is no folder.`],
    ['file/below', 'a part of the path is no folder'],
    ['link', 'something else is there'],
    ['', 'must not be empty'],
  ];
  for (const [folder, message] of refusals) {
    const refused = await swp('', 'init', folder);
    expect([refused.exitCode, refused.stdout]).toEqual([2, '']);
    expect(refused.stderr).toContain(message);
    expect(refused.stderr).not.toContain('    at ');
  }
  expect(await contentOf(home)).toEqual(before);
  expect((await swp('', 'init', 'twice')).exitCode).toBe(0);
  const made = await contentOf(home);
  expect((await swp('', 'init', 'twice')).exitCode).toBe(2);
  expect(await contentOf(home)).toEqual(made);
});

test('all of it or nothing, whatever the disk refuses, and wherever it does', async () => {
  const files = new FailingFiles();
  const study = join(home, 'new/study');
  files.arm(home);
  createStudy(study);
  const { calls } = files;
  expect(calls).toBeGreaterThan(10);
  await rm(join(home, 'new'), { recursive: true });
  for (const code of ['ENOSPC', 'EACCES', 'EIO'])
    for (let at = 0; at < calls; at++) {
      files.arm(home, { code, at, lasting: false });
      let failure;
      try {
        createStudy(study);
      } catch (error) {
        failure = (error as SwpError).failure;
      }
      files.arm('/nowhere');
      if (failure === undefined) {
        // Of what only failed to be removed, something may be left, under a name of its own.
        expect((await readdir(study)).filter((name) => !name.startsWith('.swp-init-')).sort()).toEqual(FILES);
        await rm(join(home, 'new'), { recursive: true });
      } else {
        expect(failure).toMatchObject({ kind: 'file', code, remedy: expect.stringContaining('swp init FOLDER') });
        expect(await readdir(home)).toEqual([]);
      }
    }
  // A file system without links.
  files.arm(home, { code: 'EPERM', at: 0, lasting: true, only: 'linkSync' });
  createStudy(study);
  expect((await readdir(study)).sort()).toEqual(FILES);
});

describe('the schema beside a study', () => {
  test('is one file by which an editor checks it', async () => {
    createStudy(join(home, 's'));
    const study = await jsonOf('s/pipeline.json');
    expect(study.$schema).toBe('./pipeline.schema.json');
    // Nothing else is loaded: a reference that leads out of the file would throw.
    const validate = new Ajv({ strict: false, validateSchema: false }).compile(await jsonOf('s/pipeline.schema.json'));
    expect(validate(study), JSON.stringify(validate.errors)).toBe(true);
    expect(
      validate({
        ...study,
        experiments: { A: { params: { train: { steps: 5 } }, perRound: { prune: { fraction: [0.5] } } } },
      }),
    ).toBe(true);
    for (const params of [{ train: { stpes: 5 } }, { prune: { fraction: 2 } }, { 'detect-sw': { spikeRatio: 'x' } }])
      expect(validate({ ...study, experiments: { A: { params } } })).toBe(false);
    expect(validate({ ...study, experiments: { A: { perRound: { prune: { fraction: [2] } } } } })).toBe(false);
    expect(validate({ ...study, dag: 'standrad' })).toBe(false);
  });

  test('is written anew on request, alone, and only where there is a study', async () => {
    createStudy(join(home, 's'));
    const schema = join(home, 's/pipeline.schema.json');
    const [fresh, others] = [await readFile(schema, 'utf8'), '{"name":"changed"}'];
    expect((await swp('s', 'lint', '--json')).stdout).toContain('"warnings":[]');
    await writeFile(schema, fresh.replace(/Written by swp [^;]*/, 'Written by swp 0.0.1'));
    expect((await swp('s', 'lint')).stdout).toContain('swp init --schema writes it anew');
    await writeFile(join(home, 's/pipeline.json'), others);
    expect(await swp('s', 'init', '--schema')).toMatchObject({ exitCode: 0, stdout: `Written: ${schema}` });
    expect([await readFile(schema, 'utf8'), await readFile(join(home, 's/pipeline.json'), 'utf8')]).toEqual([
      fresh,
      others,
    ]);
    expect((await swp('s', 'init', '--schema', '--name', 'q')).stderr).toContain('--name is for a new study');
    const refused = await swp('', 'init', '--schema');
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain(`There is no pipeline.json in ${home}.`);
  });
});

test('a command without a study says how to begin one', async () => {
  const { exitCode, stderr } = await swp('', 'repro');
  expect(exitCode).toBe(2);
  expect(stderr).toContain('There is no pipeline.json here or in a folder above.');
  expect(stderr).toContain('swp init');
  const { stdout } = await swp('', '--help');
  expect(stdout.indexOf('\n  init ')).toBeGreaterThan(0);
  expect(stdout.indexOf('\n  init ')).toBeLessThan(stdout.indexOf('\n  repro '));
});

describe('the next commands', () => {
  const steps = (folder: string, env = {}, workingFolder = '/home/ann/nets') =>
    nextSteps({ folder, workingFolder, env }).join('; ');

  test('can be typed where swp init was', () => {
    expect(steps('/home/ann/nets')).toBe('swp lint; swp repro --profile smoke; swp repro');
    expect(steps("/home/ann/nets/it's")).toBe("cd 'it'\\''s'; swp lint; swp repro --profile smoke; swp repro");
    expect(steps('/home/ann/nets/-x')).toMatch(/^cd \.\/-x;/);
  });

  test('of npx never leave the project in which npx finds this swp', () => {
    const env = { npm_command: 'exec', npm_config_local_prefix: '/home/ann/nets' };
    expect(steps('/home/ann/nets/s', env)).toBe('cd s; npx swp lint; npx swp repro --profile smoke; npx swp repro');
    expect(steps('/home/ann/s', env)).toBe(
      'npx swp lint --pipeline ../s/pipeline.json; npx swp repro --profile smoke --pipeline ../s/pipeline.json; npx swp repro --pipeline ../s/pipeline.json',
    );
  });
});

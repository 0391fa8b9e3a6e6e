/** Commands that only read: they make nothing, and need no permission to write. */
import { chmod, mkdir, readdir, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { smallestStudy } from '../support/smallest-study.ts';
import { command, SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

/** Each with its exit code where there is no cache. */
const READING: [string, number][] = [
  ['status', 0],
  ['history', 0],
  ['verify --heal', 0],
  ['gc', 0],
  ['accept --revoke', 0],
  ['repro --dry-run', 0],
  ['estimate', 0],
  ['show stage=train', 2],
  ['plots', 2],
  ['bundle', 2],
];

test('a cache that is not there is said, and not made', async () => {
  const project = await SwpProject.create(tinyStudy());
  await mkdir(project.path('kache/records'), { recursive: true }); // the nearest name, and a cache
  const answers = await inTurns(READING, ([words]) => project.swp(...words.split(' '), '--cache', 'kacke'));
  for (const [index, { exitCode, stderr }] of answers.entries()) {
    const [words, expected] = READING[index]!;
    expect([words, exitCode]).toEqual([words, expected]);
    expect(stderr, words).toMatch(
      new RegExp(
        `^${['show', 'logs', 'plots', 'report', 'bundle'].includes(words.split(' ')[0]!) ? 'error' : 'note'}: ` +
          `There is no cache at .*/kacke: nothing is cached there yet\\.\n  Did you mean ".*/kache"\\?`,
      ),
    );
  }
  for (const pipeline of ['/dev/null', 'kache/pipeline.json'])
    expect(await project.swp('status', '--pipeline', pipeline)).toMatchObject({ exitCode: 2 });
  expect((await readdir(project.root)).sort()).toEqual(['kache', 'pipeline.json']);
  expect(await readdir(project.path('kache'))).toEqual(['records']);

  // What is no folder becomes no cache.
  await symlink('nowhere', project.path('link'));
  for (const name of ['pipeline.json', 'link']) {
    const { exitCode, stderr } = await project.swp('repro', '--cache', name);
    expect([name, exitCode, stderr.split('\n')[0]]).toEqual([
      ...[name, 2, `note: There is no cache at ${project.path(name)}: what is there is no folder.`],
    ]);
  }
  await rm(project.path('link'));

  // The study's own is not there before the first run, which is nothing to speak of.
  expect(await project.swp('status')).toMatchObject({ exitCode: 0, stderr: '' });
  await mkdir(project.path('empty'));
  await mkdir(project.path('other/things'), { recursive: true });
  for (const [name, why] of [
    ['made', 'nothing is cached there yet'],
    ['empty', 'that folder is empty'],
    ['other', 'that folder has no results, but other files'],
  ] as const) {
    const { stderr } = await project.swp('repro', '--cache', name, 'stage=init');
    expect(stderr).toContain(`There is no cache at ${project.path(name)}: ${why}. The run makes one.`);
    expect(await readdir(project.path(name))).toContain('records');
  }
});

test('a study and a cache that this user may only read can be read', async () => {
  const project = await SwpProject.create(await smallestStudy());
  await project.swp('repro');
  await mkdir(project.path('own'));
  const before = await listing(project.root);
  await forbidWriting(project.root);
  await chmod(project.path('own'), 0o777);

  const words = [
    'status',
    'show stage=eval',
    'dag --format html -o own/dag.html',
    'history',
    'logs stage=train',
    'plots',
    'verify',
    'verify --recompute stage=eval',
    'estimate --fresh',
    'gc --dry-run',
    'repro',
    'repro stage=eval',
    'bundle -o own/study.tar.gz',
  ];
  const answers = await inTurns(words, (each) => readOnly(project, ...each.split(' ')));
  for (const [index, { exitCode, stderr }] of answers.entries())
    expect([words[index], exitCode, stderr]).toEqual([
      words[index],
      0,
      words[index] === 'estimate --fresh' ? expect.stringMatching(/^(Measuring .*)?$/) : '',
    ]);
  expect(answers[words.indexOf('verify')]!.stdout).toContain('run again on what it gathered: the same');
  expect((await readdir(project.path('own'))).sort()).toEqual(['dag.html', 'study.tar.gz']);

  // What has to write says where, whose it is, and what to do.
  for (const each of ['report', 'gc', 'dag --format html']) {
    const { exitCode, stdout, stderr } = await readOnly(project, ...each.split(' '));
    expect([each, exitCode === 0]).toEqual([each, false]);
    expect(`${stdout}\n${stderr}`, each).toMatch(/Cannot (write|create) .*: permission is denied\.\n {2}\S/);
  }
  await allowWriting(project.root);
  expect((await listing(project.root)).filter((path) => !path.startsWith('own/'))).toEqual(before);
});

/** Two at a time: each is a process. */
async function inTurns<Item, Answer>(items: readonly Item[], ask: (item: Item) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let start = 0; start < items.length; start += 2)
    answers.push(...(await Promise.all(items.slice(start, start + 2).map(ask))));
  return answers;
}

/** Root may write everywhere: then without that privilege. */
async function readOnly(project: SwpProject, ...args: string[]) {
  const [program, ...before] =
    process.geteuid?.() === 0
      ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search,-fowner', '--inh-caps=-all', process.execPath]
      : [process.execPath];
  const { exitCode, stdout, stderr } = await project.startProgram(program!, [...before, command, ...args]);
  return { exitCode, stdout: String(stdout), stderr: String(stderr) };
}

const listing = async (folder: string) => (await readdir(folder, { recursive: true })).sort();

async function forbidWriting(folder: string): Promise<void> {
  onTestFinished(() => allowWriting(folder));
  await changeModes(folder, (mode) => mode & ~0o222);
}

const allowWriting = (folder: string) => changeModes(folder, (mode) => mode | 0o200);

async function changeModes(folder: string, change: (mode: number) => number): Promise<void> {
  for (const path of [folder, ...(await readdir(folder, { recursive: true })).map((name) => join(folder, name))])
    await chmod(path, change((await stat(path)).mode & 0o7777));
}

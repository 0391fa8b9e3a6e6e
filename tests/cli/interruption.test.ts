/**
 * What stops a run from outside: signals to the process or to its group, a terminal that is gone, output that nobody
 * reads or that has no room. The training keeps its state, leases go, workers end, and the exit code says why.
 */
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import type { HistoryEntry } from '../../src/cache/run-history.ts';
import type { SwpEvent } from '../../src/engine/event.ts';
import { command, SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

const REPRO = ['repro', '--json', '--jobs', '1', '--checkpoint-every', '1'];

/** A study whose first training never ends by itself. */
async function endlessProject(): Promise<SwpProject> {
  const study = tinyStudy();
  study.experiments = { A1: { params: { train: { steps: 1_000_000 } } } };
  return SwpProject.create(study);
}

const started = (project: SwpProject, program: string, args: string[]) =>
  project.startProgram(program, args, { detached: true });
type Running = ReturnType<typeof started>;

/** Resolves at the first event of a kind. */
async function eventOf<Kind extends SwpEvent['event']>(running: Running, kind: Kind) {
  for await (const line of createInterface({ input: running.stdout! })) {
    const event = JSON.parse(line) as SwpEvent;
    if (event.event === kind) return event as Extract<SwpEvent, { event: Kind }>;
  }
  throw new Error(`There was no event ${kind}.`);
}

/** Leases that are held, and folders of files that are not published. */
async function leftovers(project: SwpProject): Promise<string[]> {
  const names = await readdir(project.path('cache'), { recursive: true });
  return names.filter((name) => /^(leases\/.*\.json|tmp\/.)/.test(name));
}

async function lastRun(project: SwpProject): Promise<HistoryEntry> {
  const names = await readdir(project.path('cache/studies'), { recursive: true });
  const [last] = names.filter((name) => /\/history\/.*\.json$/.test(name)).sort((a, b) => (a < b ? 1 : -1));
  return JSON.parse(await readFile(project.path('cache/studies', last!), 'utf8')) as HistoryEntry;
}

test('a signal stops it, to the process or to its group, once or twice; the training goes on where it was', async () => {
  const project = await endlessProject();
  const first = started(project, process.execPath, [command, ...REPRO]);
  await eventOf(first, 'node-progress');
  process.kill(-first.pid!, 'SIGHUP'); // what the end of a terminal does: workers get it, too
  first.kill('SIGHUP');
  expect(await first).toMatchObject({
    exitCode: 129,
    stderr: 'Stopping. What is done is kept; `swp repro` continues.',
  });
  expect(await leftovers(project)).toEqual([]);
  expect((await lastRun(project)).stopped).toBe('SIGHUP');

  // What nohup has started goes on when the terminal goes.
  const script = `trap '' HUP; trap : QUIT; ${process.execPath} ${command} ${REPRO.join(' ')}; exit $?`;
  const second = started(project, 'sh', ['-c', script]);
  const { resumedAt, interrupted } = await eventOf(second, 'node-start');
  expect(interrupted).toBe(true);
  expect(resumedAt).toBeGreaterThan(0);
  process.kill(-second.pid!, 'SIGHUP');
  process.kill(-second.pid!, 'SIGQUIT');
  expect(await second).toMatchObject({ exitCode: 131 });
  expect(await leftovers(project)).toEqual([]);
});

test('npm that is ended by itself ends what it has started', async () => {
  const project = await endlessProject();
  await project.write('package.json', { private: true, scripts: { repro: `node ${command} ${REPRO.join(' ')}` } });
  const npm = started(project, 'npm', ['run', '--silent', 'repro']);
  await eventOf(npm, 'node-progress');
  npm.kill('SIGTERM'); // its shell gets it, too, and no more
  expect(await npm).toMatchObject({ stderr: 'Stopping. What is done is kept; `swp repro` continues.' });
  expect(await leftovers(project)).toEqual([]);
  expect((await lastRun(project)).stopped).toBe('SIGHUP');
});

test('a terminal that is gone stops it; Ctrl-Z gives the cursor back, and fg goes on', async () => {
  const project = await endlessProject();
  const shell = `stty rows 24 columns 100; set -m; ${process.execPath} ${command} repro --jobs 1; echo SUSPENDED; fg`;
  // Whatever is started there inherits the last pipe, so that its end is the end of all of them.
  const terminal = project.startProgram('script', ['-qfc', `bash -c '${shell}'`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  let shown = '';
  const until = async (text: string) => {
    while (!shown.includes(text)) shown += String((await once(terminal.stdout!, 'data'))[0]);
    const before = shown.slice(0, shown.indexOf(text));
    shown = shown.slice(shown.indexOf(text) + text.length);
    return before;
  };
  await until('loss');
  terminal.stdin!.write('\u001a');
  expect(await until('SUSPENDED')).toContain(SHOW);
  await until(HIDE);
  terminal.kill('SIGKILL'); // the terminal's other end is closed
  await terminal;
  expect(await leftovers(project)).toEqual([]);
  expect(await lastRun(project)).toMatchObject({ stopped: 'SIGHUP' });
});

const HIDE = '\u001b[?25l';
const SHOW = '\u001b[?25h';

describe('output', () => {
  test('that nobody reads any more stops a run, and is no failure of a command that only says something', async () => {
    const project = await endlessProject();
    const run = started(project, process.execPath, [command, ...REPRO]);
    await eventOf(run, 'node-progress');
    run.stdout!.destroy();
    const { exitCode, stderr } = await run;
    expect(exitCode).toBe(141);
    expect(stderr).toMatch(/^7 nodes: 0 cached, 2 ran, 5 not run in .+\.\nStopped by SIGPIPE\./m);
    expect(await leftovers(project)).toEqual([]);
    const status = project.startProgram('sh', ['-c', `${process.execPath} ${command} status | true; exit 0`]);
    expect(await status).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('that has no room ends with words on standard error, and a code where there is no place for words', async () => {
    const project = await endlessProject();
    const to = (words: string) => project.startProgram('sh', ['-c', `${process.execPath} ${command} ${words}`]);
    const full = 'error: Cannot write standard output: the disk is full.\n  Put that right, or send it elsewhere';
    const [run, status, silent] = await Promise.all([
      to('repro --jobs 1 > /dev/full'),
      to('status > /dev/full'),
      to('status --profile nobody 2> /dev/full'),
    ]);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toMatch(/^7 nodes: .+ not run in /m);
    expect(run.stderr).toContain(full);
    expect(await leftovers(project)).toEqual([]);
    expect(status).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(full) as string });
    expect(silent.exitCode).toBe(2);
  });
});

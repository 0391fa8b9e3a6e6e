/** What enters the key for a program's code: patterns that name files, and what nobody named is told. */
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SwpError, type Failure } from '../../src/base/failure.ts';
import { programCode, type ProgramCode } from '../../src/engine/program-code.ts';
import { StageLoader } from '../../src/engine/stage-loader.ts';
import { readManifest } from '../../src/engine/stage-manifest.ts';
import { uncoveredCode } from '../../src/engine/uncovered-code.ts';

let root: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'swp-code-')));
  await files({
    'stages/main.py': 'import helper\n',
    'stages/helper.py': 'X = 1\n',
    'stages/lib/deep.py': '',
    'lib/shared.py': '',
    '.gitignore': 'stages/ignored.py\n',
    'stages/ignored.py': '',
  });
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function files(contents: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(contents)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
}

const manifestPath = () => join(root, 'stages/own.stage.json');

/** With the manifest of a program `own` that names this code. */
async function codeOf(code: unknown, command: string[] = ['python3']): Promise<ProgramCode & { warnings: Failure[] }> {
  const declared = { name: 'own', summary: '', command, code, outputs: {} };
  await writeFile(manifestPath(), JSON.stringify(declared, null, 1));
  const { manifest, source } = readManifest(manifestPath(), 'own');
  const found = programCode(root, manifestPath(), manifest, source);
  return { ...found, warnings: uncoveredCode(root, manifest, found.names, source) };
}

async function failureOf(code: unknown): Promise<Failure> {
  const error: unknown = await codeOf(code).catch((thrown: unknown) => thrown);
  if (!(error instanceof SwpError)) throw new Error(`${JSON.stringify(code)} is accepted.`, { cause: error });
  return error.failure;
}

const messages = (warnings: Failure[]) => warnings.map((each) => ('message' in each ? each.message : each.kind));

describe('a pattern', () => {
  it.each([
    [['stages/main.py'], ['stages/main.py']],
    [['./stages//main.py', 'stages/m*.py'], ['stages/main.py']],
    [['stages/*.py'], ['stages/helper.py', 'stages/ignored.py', 'stages/main.py']],
    [
      ['stages/lib/**', 'lib/shared.py'],
      ['lib/shared.py', 'stages/lib/deep.py'],
    ],
    [['{stages,lib}/{main,shared}.py'], ['lib/shared.py', 'stages/main.py']],
    [[], []],
  ])('names files of the project: %j', async (code, names) => {
    expect((await codeOf(code)).names).toEqual(names);
  });

  it.each([
    ['stages/Main.py', 'matches no file', 'stages/main.py'],
    ['stages/mian.py', 'matches no file', 'stages/main.py'],
    ['stages/*.r', 'matches no file', undefined],
    ['', 'matches no file', undefined],
    ['nowhere/**', 'matches no file', undefined],
    ['stages/lib', 'is a folder', undefined],
    ['stages/lib/', 'is a folder', undefined],
    ['stages/main.py/x', 'matches no file', 'stages/main.py'],
    ['../x.py', 'leads out of the project', undefined],
    ['stages/../../x.py', 'leads out of the project', undefined],
    ['/etc/passwd', 'leads out of the project', undefined],
    ['**/*.py', 'means files of the whole project', undefined],
    ['!stages/main.py', 'would mean every file but some', undefined],
  ])('%j %s', async (pattern, message, suggestion) => {
    const failure = await failureOf(['stages/main.py', pattern]);
    expect(failure).toMatchObject({
      kind: 'study',
      at: { line: 9, column: 3 },
      message: expect.stringContaining(message) as string,
    });
    expect('suggestion' in failure ? failure.suggestion : undefined).toBe(suggestion);
  });

  it('of which one is no text, or a second "code", is told at its place', async () => {
    expect(await failureOf(['stages/main.py', 7])).toMatchObject({ kind: 'study', at: { line: 9, column: 3 } });
    await writeFile(manifestPath(), '{"name": "own", "code": [], "code": []}');
    expect(() => readManifest(manifestPath(), 'own')).toThrow('"code" stands here a second time.');
  });
});

describe('a link', () => {
  it('counts by what it leads to, in a folder, too; one that leads to a folder above it has no end and is left out', async () => {
    await symlink('../lib', join(root, 'stages/linked'));
    await symlink('..', join(root, 'stages/lib/up'));
    await symlink('main.py', join(root, 'stages/also.py'));
    const { names, fingerprint } = await codeOf(['stages/**/*.py']);
    expect(names).toEqual(
      ['also', 'helper', 'ignored', 'lib/deep', 'linked/shared', 'main'].map((name) => `stages/${name}.py`),
    );
    await files({ 'lib/shared.py': 'changed' });
    expect((await codeOf(['stages/**/*.py'])).fingerprint).not.toBe(fingerprint);
  });

  it('that leads nowhere, and a pipe, cannot be read', async () => {
    await symlink('nowhere', join(root, 'stages/gone.py'));
    expect(await failureOf(['stages/gone.py'])).toMatchObject({ kind: 'file', code: 'ENOENT' });
    await execa('mkfifo', [join(root, 'stages/pipe.py')]);
    expect(await failureOf(['stages/pipe.py'])).toMatchObject({ kind: 'content', path: join(root, 'stages/pipe.py') });
  });
});

it('what Python makes beside the code is no code; a new file that a pattern matches, or a changed one, is', async () => {
  const { isUnchanged } = await codeOf(['stages/**']);
  await files({ 'stages/__pycache__/main.pyc': 'x', 'stages/lib/__pycache__/deep.pyc': 'x' });
  expect(isUnchanged()).toBe(true);
  await files({ 'stages/lib/new.py': '' });
  expect(isUnchanged()).toBe(false);
});

it('what a command runs, or the code imports, and no pattern names, is told once, at its place', async () => {
  const command = ['python3', 'stages/main.py'];
  expect(messages((await codeOf([], command)).warnings)).toEqual([
    'stages/main.py is run, and no "code" names it: changes of it make nothing run again.',
    'stages/main.py imports stages/helper.py, and no "code" names it: changes of it make nothing run again.',
  ]);
  expect(messages((await codeOf(['stages/*.py'], command)).warnings)).toEqual([]);
  for (const words of [
    ['sh', '-c', 'python3 stages/main.py > out'],
    ['python3', '--script=stages/main.py'],
    ['python3', join(root, 'stages/main.py')],
    ['python3', '-m', 'stages.main'],
    ['stages/main.py'],
  ]) {
    const [warning] = (await codeOf(['stages/helper.py'], words)).warnings;
    expect(warning).toMatchObject({ at: { file: expect.stringContaining('own.stage.json') as string } });
    expect(messages([warning!])[0]).toMatch(/^stages\/main.py is run/);
  }
  expect((await codeOf(['stages/*.py'], ['python3', 'stages/mian.py'])).warnings).toMatchObject([
    { message: 'There is no file stages/mian.py in the project.', suggestion: 'stages/main.py' },
  ]);
});

it('imports of Python, JavaScript, shell and R are followed to files of the project', async () => {
  await files({
    'stages/a.py': 'from lib import deep\nfrom . import helper as h\nimport os, sys, ignored\n# import main\n',
    'stages/b.mjs': "import { x } from './c.mjs';\nconst d = await import('./d');\n",
    'stages/c.mjs': '',
    'stages/d.js': '',
    'stages/e.sh': '. stages/f.sh\n',
    'stages/f.sh': '',
    'stages/g.R': 'source("stages/h.R")\n',
    'stages/h.R': '',
  });
  expect(messages((await codeOf(['stages/{a,b,e,g}.*'])).warnings).map((text) => text.split(', and no')[0])).toEqual([
    'stages/a.py imports stages/ignored.py, stages/lib/deep.py, stages/helper.py',
    'stages/b.mjs imports stages/c.mjs, stages/d.js',
    'stages/e.sh imports stages/f.sh',
    'stages/g.R imports stages/h.R',
  ]);
});

it("an interpreter of the project's own is a link to the system's, and no code", async () => {
  await mkdir(join(root, '.venv/bin'), { recursive: true });
  await symlink(process.execPath, join(root, '.venv/bin/python'));
  expect((await codeOf(['stages/*.py'], ['.venv/bin/python', 'stages/main.py'])).warnings).toEqual([]);
});

it('a module that is no JavaScript, and one that throws, block their stage and no other', async () => {
  await files({
    'package.json': '{"type":"module"}',
    'bad.js': 'export default {',
    'throws.js': 'throw new Error("no");',
  });
  const loader = new StageLoader({ modules: root, fingerprints: { bad: '1', throws: '2' } });
  expect(await loader.load('bad')).toMatchObject({ failure: { kind: 'content', path: join(root, 'bad.js') } });
  expect((await loader.load('throws')).failure).toMatchObject({ message: 'The stage cannot be loaded: no' });
});

it("a folder of stages that cannot be read blocks the stages that are not swp's own", async () => {
  await rm(join(root, 'stages'), { recursive: true });
  await symlink('stages', join(root, 'stages'));
  await files({ 'good.js': 'export default { name: "good", run() {} };', 'package.json': '{"type":"module"}' });
  const loader = new StageLoader({ modules: root, fingerprints: { good: '1' }, root });
  expect((await loader.load('own')).failure).toMatchObject({ kind: 'file', path: manifestPath(), code: 'ELOOP' });
  expect((await loader.load('good')).failure).toBeUndefined();
});

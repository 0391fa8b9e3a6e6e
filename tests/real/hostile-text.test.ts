/**
 * Text that would act on a terminal, from everywhere it can come from: a study, its own stages, other people's records,
 * the command line, the names of folders. No command sends it there as it is.
 */
import { appendFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { logText } from '../../src/cli/log-text.ts';
import { createStyles, inLine, toTerminal } from '../../src/cli/styles.ts';
import { table } from '../../src/cli/table.ts';
import { reseal } from '../support/reseal.ts';
import { smallestStudy } from '../support/smallest-study.ts';
import { command, SwpProject } from '../support/swp-project.ts';

/** A colour as swp has them, a title, a link, the clipboard, C1, other directions, nothing to see, and a new line. */
const HOSTILE =
  '\u001b[31mRED\u001b[39m\u001b]0;title\u0007\u001b]8;;http://a.example\u001b\\\u001b]52;c;aGk=\u0007\u009b2J' +
  '\u202eRLO\u202c\u2066\u2069\u200e\u200f\u061c\b\r\u007f\u2028\u2029\u200b\ufeff\u00ad\u{e0041}\nerror: forged';
const FORBIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0001}-\u{e007f}]/u;
/** The colours that swp has. */
const OWN = /\u001b\[(?:1|2|22|3[1-6]|39)m/g;

/** Two arms of the project's own DAG, and two stages of one's own, of which one fails. */
async function hostileProject(): Promise<SwpProject> {
  const { dag, ...rest } = (await smallestStudy()) as { dag: unknown[]; defaults: { params: object } };
  const project = await SwpProject.create({
    ...rest,
    description: HOSTILE,
    dag: [...dag, { step: 'own', stage: 'own' }, { step: 'bad', stage: 'bad' }],
    experiments: {
      A1: { description: HOSTILE, params: { own: { text: HOSTILE } } },
      A2: { params: { prune: { fraction: 0.2 }, own: { text: `${HOSTILE}2` } } },
    },
    comparisons: [
      {
        ...{ name: 'c', topic: 'quality', question: HOSTILE, arms: ['A1', 'A2'] },
        ...{ varies: ['prune.fraction'], accept: { 'one-variable': HOSTILE, 'missing-control': HOSTILE } },
      },
    ],
  });
  await mkdir(project.path('stages'));
  for (const name of ['own', 'bad'])
    await project.write(`stages/${name}.stage.json`, {
      ...{ name, summary: HOSTILE, command: ['node', 'stages/own.mjs', name], code: ['stages/own.mjs'] },
      params: { type: 'object', properties: { text: { type: 'string', default: 'x', description: HOSTILE } } },
      outputs: { out: { summary: HOSTILE, file: 'out.txt' } },
    });
  await project.write(
    'stages/own.mjs',
    `import { readFileSync, writeFileSync } from 'node:fs';
const hostile = ${JSON.stringify(HOSTILE)};
const { outputs } = JSON.parse(readFileSync(0, 'utf8'));
console.log(hostile);
console.error(hostile + '\\n' + hostile.replaceAll('\\n', ' '));
if (process.argv[2] === 'bad') process.exit(3);
writeFileSync(outputs.out, hostile);
console.log(JSON.stringify({ progress: { done: 1, total: 2, values: { [hostile]: 1 } } }));
console.log(JSON.stringify({ metrics: { m: 1, [hostile]: 2, word: hostile, formula: '=1+1' } }));
`,
  );
  return project;
}

/** Runs a command with colours, and says what of its output a terminal should not have got. */
async function trouble(folder: string, args: string[]): Promise<string[]> {
  const env = { COLUMNS: '100', FORCE_COLOR: '1', NO_COLOR: undefined, SWP_CACHE: undefined, SWP_PROFILE: undefined };
  const { all } = await execa(process.execPath, [command, ...args], { cwd: folder, env, all: true, reject: false });
  const isBad = (line: string) =>
    FORBIDDEN.test(line.replaceAll(OWN, '')) ||
    line.includes('\u001b[31mRED') ||
    /^(?:\u001b\[\d+m)*error: forged/.test(line);
  return all
    .split('\n')
    .filter(isBad)
    .map((line) => `${args.join(' ')}: ${line}`);
}

test('no command sends to the terminal what a study, a program, a record or a folder says as it is', async () => {
  const project = await hostileProject();
  const folder = project.path(`f${HOSTILE.replaceAll('/', '')}`);
  await execa('cp', ['-r', project.root, `${project.root}-copy`]);
  await execa('mv', [`${project.root}-copy`, folder]);
  const found = await trouble(folder, ['repro', '-v']);
  // Another user of the cache, whose records, history and log say what they like.
  const files = (await readdir(join(folder, 'cache'), { recursive: true })).map((name) => join(folder, 'cache', name));
  for (const path of files.filter((each) => /records.*\.json$/.test(each)))
    await reseal<{ environment: object }>(path, (record) => ({
      ...record,
      environment: { ...record.environment, host: HOSTILE, user: HOSTILE, git: { commit: HOSTILE } },
    }));
  for (const path of files.filter((each) => /studies.*Z-.*\.json$/.test(each))) {
    const entry = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...entry, user: HOSTILE, host: HOSTILE, selectors: [HOSTILE] }));
  }
  await appendFile(join(folder, 'stages/own.mjs'), '// Other code.\n');
  found.push(
    ...(await trouble(folder, ['explain'])),
    ...(await trouble(folder, ['accept', 'stage=own', '--why', HOSTILE])),
  );
  const commands = [
    ['accept', '--list'],
    ['status'],
    ['lint'],
    ['show', 'stage=own,bad'],
    ['show', 'stage=own', '--json'],
    ['metrics', 'stage=own'],
    ['diff', 'A1', 'A2'],
    ['history'],
    ['dag'],
    ['dag', '--format', 'html', '--output', '-'],
    ['dag', '--format', 'mermaid'],
    ['plots'],
    ['bundle'],
    ['verify'],
    ['estimate'],
    ['repro', '--dry-run', '-v'],
    [HOSTILE],
    [`--${HOSTILE}`],
    ['repro', `experiment=${HOSTILE}`],
    ['status', '--pipeline', HOSTILE],
    ['status', '--cache', HOSTILE],
    ['bundle', 'verify', HOSTILE],
  ];
  for (let first = 0; first < commands.length; first += 4)
    found.push(...(await Promise.all(commands.slice(first, first + 4).map((args) => trouble(folder, args)))).flat());
  expect(found).toEqual([]);
});

test('a log goes to a file byte for byte, and to a terminal so that it can be read', async () => {
  const project = await SwpProject.create({
    name: 'own',
    dag: [{ step: 'own', stage: 'own' }],
    experiments: { A: {} },
  });
  await project.write('stages/own.stage.json', {
    ...{ name: 'own', summary: 'A program.', command: ['cat', 'said'], code: ['said'] },
    outputs: { out: { summary: 'out', file: 'out.txt' } },
  });
  const said = `\u001b[1;32mgreen\u001b[0m\ta tab\n 10 %\r\u001b[K 20 %\r\n${HOSTILE}\n`;
  await project.write('said', said);
  await project.swp('repro');
  const printed = await project.startProgram('sh', ['-c', `"$0" "$1" logs stage=own > log`, process.execPath, command]);
  expect(printed.exitCode).toBe(0);
  const [written = ''] = await readdir(project.path('cache/logs'));
  expect(await project.read('log')).toBe(await project.read(`cache/logs/${written}`));
  expect(await project.read('log')).toContain('\u001b[31mRED');
  expect(logText(said)).toMatch(/^green\ta tab\n 10 %\n 20 %\nRED\\u001b\]0;title\\u0007/);
  expect(logText(said)).not.toMatch(FORBIDDEN);
});

test('colours are those of swp, or they are shown', () => {
  const colors = createStyles(true);
  expect(toTerminal(colors.red(`a${colors.bold('b')}\u001b[32mc`))).toBe(
    '\u001b[31ma\u001b[1mb\u001b[22m\\u001b[32mc\u001b[39m',
  );
  expect(toTerminal(colors.dim(`x${colors.dim('y')}z`))).toBe('\u001b[2mx\u001b[2my\u001b[22m\u001b[2mz\u001b[22m');
  expect(inLine('a\n\tb')).toBe('a\\n\\tb');
  const lines = table(
    ['name', colors.bold('n')],
    [
      [`a\u202e\n`, colors.green('1')],
      ['👩‍👧', '12'],
    ],
    colors,
  ).map(toTerminal);
  expect(lines.slice(1)).toEqual(['a\\u202e\\n   \u001b[32m1\u001b[39m', '👩‍👧         12']);
});

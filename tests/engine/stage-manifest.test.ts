/** A manifest that is wrong is shown at its place: the line, the name, what was meant. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SwpError, type Failure } from '../../src/base/failure.ts';
import { readManifest } from '../../src/engine/stage-manifest.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-manifest-'));
});
afterAll(() => rm(folder, { recursive: true }));

const GOOD = `{
  "name": "own",
  "summary": "s",
  "command": ["sh", "stages/own.sh"],
  "params": { "type": "object", "properties": { "digits": { "type": "integer", "default": 4 } } },
  "inputs": { "from": { "summary": "i", "optional": true } },
  "outputs": { "out": { "summary": "o", "file": "o.txt" } }
}
`;

async function failureOf(text: string | Uint8Array): Promise<Failure | undefined> {
  await writeFile(join(folder, 'own.stage.json'), text);
  try {
    readManifest(join(folder, 'own.stage.json'), 'own');
    return undefined;
  } catch (error) {
    if (error instanceof SwpError) return error.failure;
    throw error;
  }
}

test('one that is right is read, with a byte order mark and with lines that end as on Windows', async () => {
  for (const text of [GOOD, `\uFEFF${GOOD}`, GOOD.replaceAll('\n', '\r\n')])
    expect(await failureOf(text)).toBeUndefined();
});

test('one that is not in UTF-8 is shown at its first such character', async () => {
  const latin1 = Buffer.from(GOOD.replace('"s"', '"é"'), 'latin1');
  expect(await failureOf(latin1)).toMatchObject({ at: { line: 3, column: 15 }, message: 'This is not UTF-8.' });
});

const names = (line: number, name: string, suggestion: string) => ({
  at: { line, text: expect.stringContaining(`"${name}"`) as string, length: name.length + 2 },
  message: expect.stringContaining(`"${name}"`) as string,
  suggestion,
});

test.each<[written: string, instead: string, failure: object]>([
  ['"outputs"', '"outputz"', names(7, 'outputz', 'outputs')],
  ['"command"', '"comand"', names(4, 'comand', 'command')],
  ['"params"', '"parms"', names(5, 'parms', 'params')],
  ['"file"', '"flie"', names(7, 'flie', 'file')],
  [
    '"summary": "s"',
    '"summary": "s", "日本": 1',
    { at: { line: 3 }, message: '"日本" is not known here.', suggestion: undefined },
  ],
  [
    '"type": "object"',
    '"type": "object", "required": ["digts"]',
    {
      at: { line: 5, length: 7 },
      message: expect.stringContaining('no such parameter') as string,
      suggestion: 'digits',
    },
  ],
  ['"optional"', '"optionl"', names(6, 'optionl', 'optional')],
  ['"default"', '"defualt"', names(5, 'defualt', 'default')],
  ['"properties"', '"propertys"', names(5, 'propertys', 'properties')],
  ['"default": 4', '"unit": "stpes"', names(5, 'stpes', 'steps')],
  [
    '"integer"',
    '"intger"',
    {
      at: { line: 5 },
      message: '"intger" is not possible here.',
      expected: expect.stringContaining('"integer"') as string,
    },
  ],
  [
    '{ "type": "object", "properties": { "digits": { "type": "integer", "default": 4 } } }',
    '{ "digits": 4 }',
    { at: { line: 5 }, message: '"digits" is no keyword of JSON Schema.' },
  ],
  [
    '"default": 4',
    '"default": "four"',
    { at: { line: 5 }, message: 'The default of "digits" does not fit its own schema: it must be integer.' },
  ],
  [
    '"default": 4',
    '"pattern": "("',
    {
      at: { line: 5 },
      message: expect.stringContaining('This schema cannot be used: Invalid regular expression') as string,
    },
  ],
  ['"default": 4', '"minimum": "1"', { at: { line: 5 }, message: '"1" is not possible here.', expected: 'a number' }],
  [
    '["sh", "stages/own.sh"]',
    '"sh stages/own.sh"',
    { at: { line: 4, column: 14 }, message: '"sh stages/own.sh" is not possible here.' },
  ],
  ['"o.txt" } }', '"o.txt" } },', { at: { line: 8 }, message: 'This is not JSON.' }],
  [
    '"o.txt" }',
    '"o.txt" }, "two": { "summary": "t", "file": "o.txt" }',
    { at: { line: 7 }, message: 'The outputs "out" and "two" have the same file.' },
  ],
  ['"o.txt"', '"a/o.txt"', { at: { line: 7 }, expected: expect.stringContaining('without a folder') as string }],
  [
    '"summary": "s"',
    '"summary": "s", "summary": "t"',
    { at: { line: 3, column: 19 }, message: '"summary" stands here a second time.' },
  ],
  [
    '"summary": "s",',
    '"summary": "s", // words',
    { at: { line: 3, column: 19 }, expected: expect.stringContaining('no comments') as string },
  ],
  ['"own"', '"owm"', { at: { line: 2 }, message: 'It describes a stage "owm"; the file\'s name says "own".' }],
])('%s written as %s', async (written, instead, failure) => {
  const text = GOOD.replace(written, instead);
  expect(text).not.toBe(GOOD);
  expect(await failureOf(text)).toMatchObject({ kind: 'study', ...failure });
});

test.each(['', '\n', 'hello', '[]', '"text"', 'null', '{'])(
  'of a file that holds %j the first place is shown',
  async (text) => {
    const failure = await failureOf(text);
    expect(['study', 'several']).toContain(failure?.kind);
    const first = failure?.kind === 'several' ? failure.failures[0] : failure;
    expect(first).toMatchObject({ at: { line: 1 }, message: expect.stringMatching(/\.$/) as string });
  },
);

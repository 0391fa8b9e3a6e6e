/** What a program says on its standard output: what is taken, and what is said of a line that almost holds metrics. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { SwpError, type Failure } from '../../src/base/failure.ts';
import { ProgramOutput } from '../../src/engine/program-output.ts';
import type { Progress } from '../../src/engine/stage.ts';

function hear(...lines: string[]) {
  const progress: Progress[] = [];
  const log: string[] = [];
  const output = new ProgramOutput({ progress: (each) => progress.push(each), log: (line) => log.push(line) });
  for (const line of lines) output.hear(line);
  return { output, progress, log };
}

function failureOf(...lines: string[]): Failure {
  try {
    hear(...lines).output.metrics();
  } catch (error) {
    if (error instanceof SwpError) return error.failure;
    throw error;
  }
  throw new Error('It is taken.');
}

test.each<[what: string, line: string, metrics: object]>([
  ['NaN and infinities as Python writes them', '{"a": NaN, "b": -Infinity}', { a: Infinity, b: Infinity }],
  [
    'the word in a text',
    '{"a": "NaN, not Infinity 12345678901234567890"}',
    { a: 'NaN, not Infinity 12345678901234567890' },
  ],
  ['names that objects inherit', '{"constructor": 1, "toString": 2, "": 3}', { constructor: 1, toString: 2, '': 3 }],
])('metrics with %s are taken', (_, line, metrics) => {
  for (const around of [line, `${line} `, `  ${line}`])
    expect(hear(`{"metrics": ${around}}`).output.metrics()).toEqual(metrics);
  expect(hear(`\uFEFF{"metrics": ${line}}`).output.metrics()).toEqual(metrics);
});

test.each<[what: string, lines: string[], failure: object]>([
  [
    'twice',
    ['{"metrics":{}}', '{"metrics":{}}'],
    { message: 'The program wrote its metrics a second time; the first are on line 1.' },
  ],
  ['as a list', ['x', '{"metrics": [1]}'], { at: { line: 2, column: 3 }, message: '"metrics" is a list here.' }],
  ['as null', ['{"metrics": null}'], { message: '"metrics" is null here.' }],
  [
    'with a name twice',
    ['', '{"metrics": {"a": NaN, "a": 2}}'],
    {
      at: { line: 2, column: 24 },
      message: '"a" stands here a second time.',
      expected: 'each name once; the first is at 2:14',
    },
  ],
  ['with __proto__', ['{"metrics": {"__proto__": 1}}'], { message: '"__proto__" cannot be a name.' }],
  ['beyond float64', ['{"metrics": {"a": 1e999}}'], { message: 'This number is too large.' }],
  ['beyond float64 in digits', [`{"metrics": {"a": -${'9'.repeat(400)}}}`], { message: 'This number is too large.' }],
  ['half a character', ['{"metrics": {"a": "\\ud800"}}'], { message: expect.stringContaining('half') as string }],
  ['under a mistyped name', ['{"metricz": {"a": 1}}'], { message: '"metricz" is no message.', suggestion: 'metrics' }],
  ['as Python prints a dict', ["{'metrics': {'a': 1}}"], { at: { column: 2 }, message: 'This is not JSON.' }],
  ['as Node prints an object', ['{ metrics: { a: 1 } }'], { message: 'This is not JSON.' }],
  ["with Python's None", ['{"metrics": {"a": None}}'], { at: { column: 19, length: 4 }, message: 'This is not JSON.' }],
  ['with a trailing comma', ['{"metrics": {"a": 1,}}'], { at: { column: 21 }, message: 'This is not JSON.' }],
  [
    'over several lines',
    ['{', '  "metrics": {', '    "a": 1', '  }', '}'],
    { at: { line: 2 }, message: 'This message spans several lines.' },
  ],
  [
    'as a line of two megabytes',
    [`{"metrics": {"a": "${'y'.repeat(2 ** 20 - 19)}`],
    { message: 'The line of metrics is longer than 1048576 characters.' },
  ],
  ['in UTF-16', [`\uFFFD\uFFFD${[...'{"metrics": {}}'].join('\0')}\0`], { message: 'This is not UTF-8.' }],
  [
    'nested without an end',
    [`{"metrics": {"a": ${'['.repeat(1e5)}${']'.repeat(1e5)}}}`],
    { message: 'This is nested too deeply.' },
  ],
])('metrics %s are refused at their place', (_, lines, failure) => {
  expect(failureOf(...lines)).toMatchObject({ kind: 'study', ...failure });
});

describe('a program', () => {
  it('that never tells its metrics is told so, also where it wrote them to standard error', () => {
    const { output } = hear('hello', '{"loss": 3}');
    expect(() => output.metrics()).toThrow(
      /^The program wrote no line \{"metrics": \{...\}\} to its standard output\.$/,
    );
    output.hearError('{"metrics": {}}');
    expect(() => output.metrics()).toThrow('It wrote one to standard error.');
  });

  it('may write a line that almost holds metrics before the one that does', () => {
    const { output, log } = hear("{'metrics': 1}", '{"metrics": null}', '{"metrics": {"a": 1}}');
    expect(output.metrics()).toEqual({ a: 1 });
    expect(log).toEqual(["{'metrics': 1}", '{"metrics": null}']);
  });

  it('tells progress and metrics in one line or in two; what is no progress is its log, with one word why', () => {
    const { output, log, progress } = hear(
      ...['{"progress": {"done": "x", "total": 2}}', '{"progress": 3}', '{"progress": {"done": -1, "total": 2}}'],
      '{"progress": {"done": 1, "total": 2}, "metrics": {"a": 1}}',
    );
    expect([output.metrics(), progress]).toEqual([{ a: 1 }, [{ done: 1, total: 2 }]]);
    expect(log.filter((line) => line.startsWith('This is no progress'))).toHaveLength(1);
    expect(log).toHaveLength(4);
  });

  it('is told of integers that a float64 cannot hold, and of bytes that are no UTF-8', () => {
    const { output, log } = hear('{"metrics": {"a": 9007199254740993, "b": 9007199254740992, "c": "\uFFFD"}}');
    expect(output.metrics()).toEqual({ a: 9007199254740992, b: 9007199254740992, c: '\uFFFD' });
    expect(log).toEqual([
      'The metrics hold 9007199254740993, which a float64 cannot: it is kept as 9007199254740992.',
      'The metrics hold bytes that are not UTF-8: each is kept as U+FFFD.',
    ]);
  });
});

test('whatever a program writes, it is metrics, a failure that says why, or a line of the log', () => {
  const line = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json({ maxDepth: 2 }).map((json) => `{"metrics": ${json}}`),
    fc.json({ maxDepth: 2 }).map((json) => `{"progress": ${json}}`),
    fc.tuple(fc.json({ maxDepth: 2 }), fc.nat(), fc.string({ maxLength: 2 })).map(([json, at, odd]) => {
      const text = `{"metrics": {"a": ${json}}}`;
      return text.slice(0, at % text.length) + odd + text.slice(at % text.length);
    }),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 4 }), (lines) => {
      const { output } = hear(...lines);
      try {
        expect(output.metrics()).toBeTypeOf('object');
      } catch (error) {
        if (error instanceof SwpError)
          expect(error.failure).toMatchObject({ kind: 'study', at: { file: 'standard output' } });
        else expect((error as Error).message).toContain('The program wrote no line');
      }
    }),
  );
});

/** Failures in words, where no command's own test shows them. */
import picocolors from 'picocolors';
import stringWidth from 'string-width';
import { expect, test } from 'vitest';
import { failureText, failureTexts } from '../../src/cli/failure-text.ts';
import { shownMistake } from '../../src/cli/help.ts';

const colors = picocolors.createColors(false);
const FAILED = {
  kind: 'stage',
  stage: 'load-pretrained',
  node: 'A1/s0/r0/load',
  message: 'It ends early',
  log: '/cache/logs/a.1.log',
} as const;

test('a stage that throws: its message and its log', () => {
  expect(failureText(FAILED, colors)).toBe(
    'error: A1/s0/r0/load (load-pretrained): It ends early.\n  Log: /cache/logs/a.1.log',
  );
});

test('a stage that throws a failure: the file and the remedy, too', () => {
  const cause = {
    kind: 'content',
    path: '/models/seed-0.safetensors',
    message: 'It ends early',
    remedy: 'Rebuild it.',
  } as const;
  expect(failureText({ ...FAILED, cause }, colors)).toBe(
    'error: A1/s0/r0/load (load-pretrained): /models/seed-0.safetensors: It ends early.\n  Rebuild it.\n  Log: /cache/logs/a.1.log',
  );
});

test('what somebody typed is shown cut, and cannot send control sequences to the terminal', () => {
  const failure = { kind: 'file', operation: 'read', code: 'ENOENT', remedy: 'Check the path.' } as const;
  expect(failureText({ ...failure, path: 'a\n\u001b[31mb' }, colors)).toBe(
    'error: Cannot read a\\n\\u001b[31mb: there is no such file.\n  Check the path.',
  );
  expect(failureText({ ...failure, path: 'x'.repeat(1e6) }, colors).length).toBeLessThan(500);
  const mistake = (word: string) =>
    shownMistake(`error: option '--jobs' argument '${word}' is invalid. It must be 1.\n`);
  expect(mistake('\u001b[31m')).toBe("error: option '--jobs' argument '\\u001b[31m' is invalid. It must be 1.\n");
  expect(mistake('x'.repeat(1e6))).toMatch(
    /^error: option '--jobs' argument 'x+ \.\.\. x+' is invalid\. It must be 1\.\n$/,
  );
  expect(mistake('x'.repeat(1e6)).length).toBeLessThan(500);
});

test.each([20, 40, 80, Infinity])(
  'on %s columns no line of the shown source wraps, and the mark stands below what is wrong',
  (screen) => {
    const befores = [
      '',
      '"日本語": 1, ',
      '\t\t',
      '"a\u202e\u0000\u001b[2J": 1, ',
      '"é👩‍👧": 1, ',
      'x'.repeat(120),
      '日'.repeat(120),
    ];
    for (const before of befores)
      for (const word of ['"x"', '"日本"', '"\u200b"', '"abc\u0301d"'])
        for (const after of ['', ', 日本語'.repeat(40), '\u009b'.repeat(40)]) {
          const at = {
            file: 'f',
            line: 7,
            column: before.length + 1,
            length: word.length,
            text: before + word + after,
          };
          const [, source = '', marks = ''] = failureText(
            { kind: 'study', at, message: 'No.' },
            colors,
            undefined,
            screen,
          ).split('\n');
          // Tabs up to the next eighth column, as terminals have them.
          const shown = (text: string) =>
            text.split('\t').reduce((line, part) => `${line}${' '.repeat(8 - (stringWidth(line) % 8))}${part}`);
          expect(stringWidth(shown(source))).toBeLessThanOrEqual(Math.min(screen, 130));
          const start = shown(marks).indexOf('^');
          const columns = Array.from(new Intl.Segmenter('en').segment(shown(source)), ({ segment }) => segment);
          let column = 0;
          const rest = columns.filter((each) => (column += stringWidth(each)) > start).join('');
          expect(rest.startsWith('"')).toBe(true);
          expect([source, marks].map((line) => line.indexOf('|'))).toEqual([4, 4]);
        }
  },
);

test('of many nodes that this machine cannot run for one reason, the first is named and the others are counted', () => {
  const refused = (what: string, bytes: string) => ({
    ...({ kind: 'unavailable', what, message: `it would take about ${bytes} of memory` } as const),
    remedy: 'Use a larger machine.',
  });
  const refusals = [
    refused('A1/s0/r1/eval', '2 GB'),
    refused('A1/s0/r1/train', '3 GB'),
    refused('A1/s1/r1/eval', '2 GB'),
  ];
  expect(failureTexts(refusals, colors)).toEqual([
    'error: This machine cannot run A1/s0/r1/eval and 1 node like it: it would take about 2 GB of memory.\n  Use a larger machine.',
    'error: This machine cannot run A1/s0/r1/train: it would take about 3 GB of memory.\n  Use a larger machine.',
  ]);
});

test('of many nodes that fail with the same message, the first is named with its log and the others are counted', () => {
  const failed = (seed: number, message: string) =>
    ({ kind: 'stage', stage: 'eval', node: `A1/s${seed}/r1/eval`, message, log: `/cache/logs/${seed}.log` }) as const;
  const failures = [failed(0, 'It is too short'), failed(1, 'It ends early'), failed(2, 'It is too short')];
  expect(failureTexts([...failures, failed(3, 'It is too short')], colors)).toEqual([
    'error: A1/s0/r1/eval and 2 nodes like it (eval): It is too short.\n  Log: /cache/logs/0.log',
    'error: A1/s1/r1/eval (eval): It ends early.\n  Log: /cache/logs/1.log',
  ]);
});

test('of files that a full disk does not take, the first is named and the others are counted', () => {
  const full = (path: string) =>
    ({ kind: 'file', path, operation: 'write', code: 'ENOSPC', remedy: 'Free some.' }) as const;
  const failed = (node: string) =>
    ({ kind: 'stage', stage: 'prune', node, message: `Cannot write ${node}`, cause: full(`/cache/${node}`) }) as const;
  expect(failureTexts([full('/cache/a'), failed('A1'), full('/cache/b'), failed('A2')], colors)).toEqual([
    'error: Cannot write /cache/a and 1 file like it: the disk is full.\n  Free some.',
    'error: A1 and 1 node like it (prune): Cannot write /cache/A1: the disk is full.\n  Free some.',
  ]);
});

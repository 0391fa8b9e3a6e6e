/** Failures in words, where no command's own test shows them. */
import picocolors from 'picocolors';
import { expect, test } from 'vitest';
import { failureText } from '../../src/cli/failure-text.ts';
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

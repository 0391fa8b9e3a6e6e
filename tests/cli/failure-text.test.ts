/** Failures in words, where no command's own test shows them. */
import picocolors from 'picocolors';
import { expect, test } from 'vitest';
import { failureText } from '../../src/cli/failure-text.ts';

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

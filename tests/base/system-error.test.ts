/** Errors of the system in words, also those that libuv has no name for; and which errors are bugs. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { failureOf, fileFailure } from '../../src/base/file-failure.ts';
import { SwpError } from '../../src/base/failure.ts';
import { isShortOfMemory, meaningOf, remedyFor, systemErrorCode } from '../../src/base/system-error.ts';

const systemError = (errno: number, code: string, more: object = {}) =>
  Object.assign(new Error(`${code}: refused`), { errno, code, syscall: 'write', ...more });

test.each([
  [-122, 'Unknown system error -122', 'EDQUOT'],
  [-116, 'Unknown system error -116', 'ESTALE'],
  [-117, 'Unknown system error -117', 'EUCLEAN'],
  [-28, 'ENOSPC', 'ENOSPC'],
])('%d, "%s", is %s, with words and a remedy', (errno, code, name) => {
  expect(systemErrorCode(systemError(errno, code))).toBe(name);
  expect(meaningOf(name)).not.toContain(name);
  expect(remedyFor(name)).toMatch(/\.$/);
  expect(fileFailure(systemError(errno, code), '/data/x', 'write')).toMatchObject({
    failure: { kind: 'file', path: '/data/x', code: name, remedy: remedyFor(name) },
  });
});

test('of a rename or a link, the name that was refused is told: the target, unless the source is gone', () => {
  const refused = (path: string) =>
    fileFailure(systemError(-13, 'EACCES', { syscall: 'link', path, dest: '/nowhere/target' }), '/x', 'write');
  expect(refused(fileURLToPath(import.meta.url))).toMatchObject({ failure: { path: '/nowhere/target' } });
  expect(refused('/nowhere/source')).toMatchObject({ failure: { path: '/nowhere/source' } });
});

test('a number without any name is told as a number', () => {
  const failure = failureOf(systemError(-4000, 'Unknown system error -4000', { path: '/x' }));
  expect(failure).toMatchObject({ kind: 'file', operation: 'write', path: '/x', code: 'errno 4000' });
});

test('whatever the system refuses is a failure with its place; what is no answer of the system is a bug', () => {
  const error = (() => {
    try {
      return readFileSync('/nowhere/at/all');
    } catch (error) {
      return error;
    }
  })();
  expect(failureOf(error)).toMatchObject({ kind: 'file', operation: 'read', path: '/nowhere/at/all', code: 'ENOENT' });
  expect(failureOf(systemError(-11, 'EAGAIN', { syscall: 'spawn git', path: 'git' }))).toMatchObject({
    kind: 'system',
    operation: 'start git',
    code: 'EAGAIN',
  });
  expect(failureOf(systemError(-2, 'ENOENT', { syscall: 'uv_cwd' }))).toMatchObject({
    operation: 'find the working folder',
  });
  expect(failureOf(new SwpError({ kind: 'usage', message: 'no' }))).toEqual({ kind: 'usage', message: 'no' });
  for (const bug of [
    new TypeError('x'),
    systemError(-9, 'EBADF'),
    Object.assign(new Error('x'), { code: 'ERR_X' }),
    'x',
  ])
    expect(failureOf(bug)).toBeUndefined();
});

test.each([
  'WebAssembly.Memory(): could not allocate memory',
  'Array buffer allocation failed',
  'libonnxruntime.so.1: failed to map segment from shared object',
  'libonnxruntime.so.1: cannot allocate memory in static TLS block',
  'std::bad_alloc',
])('"%s" says that a process gets no more memory', (message) => {
  expect(isShortOfMemory(message)).toBe(true);
});

test('what a file system without programs says is no lack of memory', () => {
  expect(isShortOfMemory('x.so: failed to map segment from shared object: Operation not permitted')).toBe(false);
});

test('what the caller knows of a file that is missing is not said of one that may not be read', () => {
  const remedyOf = (code: string) =>
    (fileFailure(systemError(-1, code), '/', 'read', 'Choose another.') as SwpError).failure;
  expect(remedyOf('ENOENT')).toMatchObject({ path: '/', remedy: 'Choose another.' });
  expect(remedyOf('EACCES')).toMatchObject({
    path: '/',
    remedy: expect.stringMatching(
      /^\/ belongs to \S+, group \S+, mode \d+\. Ask its owner for the permission to read it\.$/,
    ),
  });
});

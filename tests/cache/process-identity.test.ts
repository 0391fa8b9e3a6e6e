/** Who a process is, as far as another one can tell: process numbers mean something within one space only. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { hasEnded, processSpace, spaceOf, thisProcess } from '../../src/cache/process-identity.ts';

const marks = { boot: 'a-boot', pidNamespace: 'pid:[4026531836]', timeNamespace: 'time:[4026531834]' };

describe('a space of process numbers', () => {
  it('is one boot of one kernel, one PID namespace, one time namespace; no name of a host counts', () => {
    expect(spaceOf(marks)).toBe(spaceOf({ ...marks }));
    for (const other of [{ boot: 'b' }, { pidNamespace: 'pid:[4026532201]' }, { timeNamespace: 'time:[2]' }])
      expect(spaceOf({ ...marks, ...other })).not.toBe(spaceOf(marks));
  });

  it('is not known where the system lacks one of the marks: the process is a space of its own', () => {
    expect(spaceOf({ ...marks, boot: undefined })).toBeUndefined();
    expect(spaceOf({ ...marks, pidNamespace: undefined })).toBeUndefined();
    expect(processSpace()).toMatch(/^[0-9a-f]{12}$/);
    expect(processSpace()).toBe(thisProcess().space);
  });
});

describe('the end of a process', () => {
  const gone = async () => {
    const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    const { pid } = child;
    await once(child, 'exit');
    return pid!;
  };

  it('is certain in its own space alone', async () => {
    const pid = await gone();
    expect(hasEnded({ ...thisProcess(), pid })).toBe(true);
    expect(hasEnded({ ...thisProcess(), pid, space: spaceOf(marks)! })).toBe(false);
  });

  it('is certain if another one has its number, and is not if nothing tells', () => {
    expect(hasEnded(thisProcess())).toBe(false);
    expect(hasEnded({ ...thisProcess(), started: 'another time' })).toBe(process.platform === 'linux');
    expect(hasEnded({ ...thisProcess(), started: null })).toBe(false);
    expect(hasEnded({ ...thisProcess(), pid: 1, started: null })).toBe(false);
  });

  it.each([0, -1, 1.5, NaN, 2 ** 32 + 1, 2 ** 53])(
    'is not known of the number %s, which is none of a process',
    (pid) => {
      expect(hasEnded({ ...thisProcess(), pid })).toBe(false);
    },
  );
});

/**
 * Whether swp was started to survive the end of its terminal, and when npm ends, which may have started it. Node.js
 * forgets at its start which signals its parent had set to be ignored, so what nohup leaves behind is looked at.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** Number 1 is the lowest bit of a mask of signals. */
const HANGUP_BIT = 1n;
const WRITE_ONLY = 1;
const ACCESS_MODE = 3;

/**
 * Whether `nohup`, or a shell that ignores SIGHUP itself, has started this process. Looked for at the start: later the
 * shell may be gone. Shells put the path of the program that they start into the variable `_`; nohup, which becomes
 * swp, leaves it there.
 */
export const ignoresHangup =
  basename(process.env._ ?? '') === 'nohup' || hasInputOfNohup() || hasAncestorThatIgnoresHangup();

/** nohup replaces a terminal by a standard input from which nothing can be read. */
function hasInputOfNohup(): boolean {
  try {
    const flags = /^flags:\s+0?([0-7]+)$/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8'))?.[1] ?? '0';
    return readlinkSync('/proc/self/fd/0') === '/dev/null' && (parseInt(flags, 8) & ACCESS_MODE) === WRITE_ONLY;
  } catch {
    return false;
  }
}

/** A script that nohup has started ignores SIGHUP, whatever npm or npx in between do. */
function hasAncestorThatIgnoresHangup(): boolean {
  try {
    const session = statOf('self').session;
    for (let pid = process.ppid; pid > 1;) {
      const { parent, session: its } = statOf(String(pid));
      if (its !== session) return false;
      const mask = /^SigIgn:\s+([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
      if ((BigInt(`0x${mask}`) & HANGUP_BIT) !== 0n) return true;
      pid = parent;
    }
  } catch {
    // no /proc, or the process has ended
  }
  return false;
}

const LOOK_EVERY_MS = 500;

/**
 * Acts when npm has ended, which has started this process: a signal to npm alone ends npm and its shell, and no more.
 * What a script of a package has left in the background is no child of npm's shell by then, and goes on. Linux only.
 * @returns ends that
 */
export function whenNpmEnds(act: () => void): () => void {
  const launchers = launchersBelowNpm();
  if (launchers === undefined || ignoresHangup) return () => {};
  const timer = setInterval(() => {
    if (String(process.ppid) === launchers[0] && launchersBelowNpm()?.join() === launchers.join()) return;
    clearInterval(timer);
    act();
  }, LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}

/** The parent, and its parents up to npm; undefined if npm has not started this process. */
function launchersBelowNpm(): string[] | undefined {
  try {
    const [shell, npm] = [String(process.ppid), String(statOf(String(process.ppid)).parent)];
    return readFileSync(`/proc/${npm}/cmdline`, 'utf8').startsWith('npm ') ? [shell, npm] : undefined;
  } catch {
    return undefined;
  }
}

/** A program's name, in parentheses, may hold anything: what is looked for comes after it. */
function statOf(pid: string): { parent: number; session: number } {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [, parent = '0', , session = '0'] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { parent: Number(parent), session: Number(session) };
}

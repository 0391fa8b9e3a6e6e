/** Identifies a process so that another one can check whether it still runs: leases and scratch folders carry it. */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';

export interface ProcessIdentity {
  host: string;
  user: string;
  pid: number;
  /** Process ids can be compared within one space: the host, and on Linux the PID namespace. */
  space: string;
  /** When the process began, in ticks since the host did; null where the system does not say. Tells a reused pid. */
  started: string | null;
}

/** Containers that share a cache may also share a host name, so the PID namespace counts. */
export const processSpace = createHash('sha256').update(`${hostname()}\n${pidNamespace()}`).digest('hex').slice(0, 12);

export function thisProcess(): ProcessIdentity {
  return { host: hostname(), user: userName(), pid: process.pid, space: processSpace, started: startTime(process.pid) };
}

/**
 * Whether a process of this space still runs.
 * @param started as `thisProcess` told it there; null if it is not known
 */
export function isAlive(pid: number, started: string | null = null): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false; // EPERM: somebody else's
  }
  const now = startTime(pid);
  return started === null || now === null || now === started;
}

/**
 * https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: field 22, counted after the name, which may hold spaces.
 */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'ended' : (fields[19] ?? null); // a zombie does nothing any more
  } catch {
    return null; // no Linux, or it has just ended
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return ''; // no Linux
  }
}

export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown'); // a user without an entry, as in containers
  }
}

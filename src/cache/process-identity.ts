/**
 * Identifies a process, so that another one can tell when it has ended: leases and scratch folders carry the identity.
 * That a process lives is never concluded from its number: only its heartbeat shows it (lease-store.ts).
 */
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';

export interface ProcessIdentity {
  /** For people: several hosts and containers may share a name. */
  host: string;
  user: string;
  pid: number;
  /** Process numbers and start times can be compared within one space, see `processSpace`. 12 hexadecimal digits. */
  space: string;
  /** When the process began, in ticks since the host did; null where the system does not say. Tells a reused pid. */
  started: string | null;
}

/** What tells the spaces of process numbers apart; undefined where the system does not say. */
export interface SpaceMarks {
  /** Drawn at random whenever a kernel boots. */
  boot: string | undefined;
  /** The PID namespace. The first one of a kernel has the same number on every host. */
  pidNamespace: string | undefined;
  /** The time namespace, by whose clock start times are told; empty for a kernel without them. */
  timeNamespace: string;
}

/** @returns undefined if the marks do not tell this space from that of any other host or container */
export function spaceOf({ boot, pidNamespace, timeNamespace }: SpaceMarks): string | undefined {
  if (boot === undefined || pidNamespace === undefined) return undefined;
  return createHash('sha256').update(`${boot}\n${pidNamespace}\n${timeNamespace}`).digest('hex').slice(0, 12);
}

let space: string | undefined;

/**
 * Where this process's number means something: one boot of one kernel and, on Linux, one PID namespace. Where the
 * system does not say, the process is a space of its own, and others judge it by its heartbeat alone.
 */
export function processSpace(): string {
  space ??= spaceOf(spaceMarks()) ?? randomBytes(6).toString('hex');
  return space;
}

export function thisProcess(): ProcessIdentity {
  const { pid } = process;
  const times = timesOf(pid);
  return { host: hostname(), user: userName(), pid, space: processSpace(), started: times?.started ?? null };
}

/**
 * Whether it is certain that a process has ended. False means only that it is not: it may live, or be on another host,
 * or its number may be another process's by now.
 */
export function hasEnded({ space, pid, started }: Pick<ProcessIdentity, 'space' | 'pid' | 'started'>): boolean {
  if (space !== processSpace() || !Number.isInteger(pid) || pid <= 0 || pid > 0x7fffffff) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'; // EPERM: it is somebody else's, and there
  }
  const times = timesOf(pid);
  return times !== undefined && (times.isZombie || (started !== null && times.started !== started));
}

/** Begins the names of what a process leaves in shared folders: its space, its number, and when it began. */
export function processName({ space, pid, started }: ProcessIdentity = thisProcess()): string {
  return `${space}-${pid}-${started ?? ''}`;
}

/** Whether a name was begun by `processName` in a process whose number can be compared. */
export function isOwnSpace(name: string): boolean {
  return name.startsWith(`${processSpace()}-`);
}

/** Whether a name was begun by `processName` in a process that has certainly ended. */
export function isOfEnded(name: string): boolean {
  const [space = '', pid, started = ''] = name.split('-');
  return hasEnded({ space, pid: Number(pid), started: /^\d+$/.test(started) ? started : null });
}

function spaceMarks(): SpaceMarks {
  if (process.platform === 'darwin') return { boot: bootSession(), pidNamespace: '', timeNamespace: '' };
  return {
    boot: fromSystem(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace: fromSystem(() => readlinkSync('/proc/self/ns/pid')),
    timeNamespace: fromSystem(() => readlinkSync('/proc/self/ns/time')) ?? '',
  };
}

/** A UUID that macOS draws whenever it boots. */
function bootSession(): string | undefined {
  const { stdout } = spawnSync('/usr/sbin/sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' });
  return /^[0-9A-F-]{36}$/i.exec(stdout?.trim() ?? '')?.[0];
}

/**
 * https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: fields 3 and 22, counted after the name, which may hold
 * spaces.
 * @returns undefined where the system does not say: no Linux, a /proc that hides it or that belongs to another PID
 *   namespace, or the process has just ended
 */
function timesOf(pid: number): { started: string; isZombie: boolean } | undefined {
  return fromSystem(() => {
    if (readlinkSync('/proc/self') !== String(process.pid)) return undefined;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, started] = [fields[0], fields[19]];
    return started === undefined ? undefined : { started, isZombie: state === 'Z' || state === 'X' };
  });
}

function fromSystem<Value>(ask: () => Value | undefined): Value | undefined {
  try {
    const value = ask();
    return value === '' ? undefined : value;
  } catch {
    return undefined;
  }
}

export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown'); // a user without an entry, as in containers
  }
}

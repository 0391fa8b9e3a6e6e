/** What runs on this machine, read from /proc (Linux). */
import { readdirSync, readFileSync } from 'node:fs';

export interface RunningProcess {
  pid: number;
  parent: number;
}

/** All but those that have ended and whose parent has not asked yet how. */
export function runningProcesses(): RunningProcess[] {
  return pids().flatMap((pid) => {
    const stat = readIfThere(`/proc/${pid}/stat`);
    // "123 (name, which may hold anything) S 1 ..."
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return stat === '' || state === 'Z' ? [] : [{ pid, parent: Number(parent) }];
  });
}

/** Those that were started with this variable in their environment. */
export function processesWith(variable: string, value: string): number[] {
  return pids().filter((pid) => readIfThere(`/proc/${pid}/environ`).split('\0').includes(`${variable}=${value}`));
}

/** These processes with all that they started, directly or not. */
export function withDescendants(roots: number[]): number[] {
  const running = runningProcesses();
  const found = new Set(roots);
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const { pid, parent } of running) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

/** Ends them at once. One that has ended already is no error. */
export function killProcesses(pids: number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/**
 * How much memory a worker takes, together with the programs that its stage has started, and what ends one that takes
 * more than it may. By /proc, so on Linux only.
 */
import { readdirSync, readFileSync } from 'node:fs';

const CHECK_MS = 100;

/** Of one process; 0 for one that has ended, or where there is no /proc. */
export function residentBytes(pid: number): number {
  return fieldOf(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB/m) ?? 0;
}

/**
 * Ends a process and all that it started, if they take more memory than they may.
 * @returns stops watching, and says what they had reached if they were ended
 */
export function watchMemory(pid: number | undefined, limit: number): () => number | undefined {
  let reached: number | undefined;
  const timer = setInterval(() => {
    if (pid === undefined || reached !== undefined) return;
    const family = familyOf(pid);
    let bytes = sum(family, residentBytes);
    // Processes share pages, such as data that was read before a fork: in doubt each page counts once.
    if (bytes > limit && family.length > 1) bytes = sum(family, proportionalBytes);
    if (bytes <= limit) return;
    reached = bytes;
    endAll(family);
  }, CHECK_MS);
  return () => {
    clearInterval(timer);
    return reached;
  };
}

/** The process itself comes first: were it told that its program has ended, it would answer that its stage failed. */
function endAll(family: readonly number[]): void {
  // A program leads a group of its own (executable-stage.ts): what it starts just now is in it.
  for (const target of [...family, ...family.slice(1).map((pid) => -pid)])
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // it has ended, or leads no group
    }
}

/** A process and its descendants, itself first. */
function familyOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(familyOf)];
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')
        .split(' ')
        .filter((child) => child !== '')
        .map(Number),
    );
  } catch {
    return []; // it has ended, or this kernel does not tell
  }
}

/** Of a page that n processes share, the nth part. */
function proportionalBytes(pid: number): number {
  return fieldOf(`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+) kB/m) ?? residentBytes(pid);
}

function fieldOf(path: string, pattern: RegExp): number | undefined {
  try {
    const found = pattern.exec(readFileSync(path, 'utf8'))?.[1];
    return found === undefined ? undefined : 1024 * Number(found);
  } catch {
    return undefined; // it has ended
  }
}

function sum(pids: readonly number[], bytesOf: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + bytesOf(pid), 0);
}

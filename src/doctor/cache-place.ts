/** Whether results can be kept where the cache is, or would be. */
import { mkdtemp, readFile, rmdir, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface CacheFinding {
  path: string;
  exists: boolean;
  writable: boolean;
  /** Why it is not writable: a code of the system, such as EACCES. */
  code: string | null;
  /** Bytes that this user may still write; null where the system does not tell. */
  free: number | null;
  /** E.g. `ext4` or `nfs4`; null where the system does not tell. */
  fileSystem: string | null;
}

/** @param path absolute; it need not exist: then the nearest folder above it is tried, and nothing is left there */
export async function examineCachePlace(path: string): Promise<CacheFinding> {
  const place = await nearestExisting(path);
  const code = await whyNotWritable(place);
  const space = await statfs(place).catch(() => undefined);
  return {
    path,
    exists: place === path,
    writable: code === null,
    code,
    free: space === undefined ? null : space.bavail * space.bsize,
    fileSystem: await fileSystemOf(place),
  };
}

async function nearestExisting(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined || dirname(path) === path ? path : nearestExisting(dirname(path));
}

/** Tries to write: permissions alone do not show read-only file systems, quotas and full disks. */
async function whyNotWritable(folder: string): Promise<string | null> {
  try {
    await rmdir(await mkdtemp(join(folder, '.swp-doctor-')));
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}

/** The mount with the longest matching path: https://man7.org/linux/man-pages/man5/proc_mounts.5.html */
async function fileSystemOf(path: string): Promise<string | null> {
  const text = await readFile('/proc/self/mounts', 'utf8').catch(() => '');
  const mounts = text.split('\n').flatMap((line) => {
    const [, point, type] = line.split(' ');
    return point === undefined || type === undefined
      ? []
      : [
          {
            point: point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
            type,
          },
        ];
  });
  const holding = mounts.filter(({ point }) => point === '/' || path === point || path.startsWith(`${point}/`));
  // Of several mounts at one place, the last one counts: sort keeps their order.
  return holding.sort((a, b) => a.point.length - b.point.length).at(-1)?.type ?? null;
}

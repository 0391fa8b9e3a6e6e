/** Errors of the operating system: what each code means and what to do about it. One table for all of swp. */
import { constants } from 'node:os';

/** What Node.js throws where the system refuses something. */
export interface SystemError extends Error {
  code: string;
  errno?: number;
  /** E.g. `open`, or `spawn node`. */
  syscall?: string;
  path?: string;
  /** Of a rename or a link: where to. */
  dest?: string;
}

interface Meaning {
  /** Ends a sentence: `Cannot write /data/x: the disk is full.` */
  meaning: string;
  remedy?: string;
  /** It is the machine that fails, whatever was asked of it: never a mistake of the program that asked. */
  ofMachine?: true;
}

const OTHER_CACHE = 'or choose another cache with --cache DIRECTORY';
const PERMISSION: Meaning = {
  meaning: 'permission is denied',
  remedy: `You lack the permission. Ask its owner for it, ${OTHER_CACHE}.`,
};
const FAILING_DISK: Meaning = {
  meaning: 'the disk reports an error',
  remedy: 'The disk reports an error. Check it (dmesg says more) before trusting what it holds.',
  ofMachine: true,
};
const SERVER_GONE: Meaning = {
  meaning: 'the server of this file system does not answer',
  remedy: 'Wait until the file system is reachable again, and run again: finished work is kept.',
  ofMachine: true,
};

const MEANINGS: Record<string, Meaning> = {
  ENOENT: {
    meaning: 'there is no such file',
    remedy: 'It does not exist (any more). Check the path and run again.',
  },
  EACCES: PERMISSION,
  EPERM: { ...PERMISSION, meaning: 'it is not permitted' },
  EISDIR: {
    meaning: 'it is a folder',
    remedy: 'A directory stands where a file should be. Move it away and run again.',
  },
  ENOTDIR: {
    meaning: 'a part of the path is no folder',
    remedy: `A file stands where a directory should be. Move it away, ${OTHER_CACHE}.`,
  },
  EEXIST: {
    meaning: 'something else is there',
    remedy: `A file stands where a directory should be. Move it away, ${OTHER_CACHE}.`,
  },
  ENOTEMPTY: { meaning: 'the folder is not empty', remedy: 'Another program writes into it. Run again.' },
  ELOOP: { meaning: 'it is a link, or its links lead in a circle', remedy: 'Move the link away and run again.' },
  EFTYPE: {
    meaning: 'it is no regular file, or far too large',
    remedy: 'Something else stands where swp keeps a file. Move it away and run again.',
  },
  ENAMETOOLONG: { meaning: 'the path is too long', remedy: 'Choose a shorter one.' },
  EXDEV: {
    meaning: 'it is on another file system',
    remedy: 'All folders of a cache have to be on one file system: no mounts and no links inside of it.',
  },
  EMLINK: { meaning: 'it has too many links', remedy: 'The file system has come to a limit. Choose another cache.' },
  EBUSY: { meaning: 'another program uses it', remedy: 'End that program, and run again.' },
  ETXTBSY: { meaning: 'the program is being written', remedy: 'Run again once it is installed.' },
  ENOEXEC: { meaning: 'it is no program for this machine', remedy: 'Install the one for this machine.' },
  E2BIG: { meaning: 'its arguments or the environment are too large', remedy: 'Run with fewer environment variables.' },
  ENOSPC: {
    meaning: 'the disk is full',
    remedy:
      'Free some space, or choose another disk (--cache DIRECTORY for a cache, TMPDIR for temporary files), and run again: finished work is kept.',
    ofMachine: true,
  },
  EDQUOT: {
    meaning: 'the disk quota is used up',
    remedy:
      'Free some space, or choose another disk (--cache DIRECTORY for a cache, TMPDIR for temporary files), and run again: finished work is kept.',
    ofMachine: true,
  },
  EFBIG: {
    meaning: 'the file would be too large',
    remedy: 'Raise the limit (ulimit -f), or choose a file system that takes larger files, and run again.',
    ofMachine: true,
  },
  EROFS: {
    meaning: 'the file system is read-only',
    remedy:
      'The file system is read-only. If it was not so before, its disk may have failed (dmesg says more). Otherwise choose another cache with --cache DIRECTORY.',
    ofMachine: true,
  },
  EIO: FAILING_DISK,
  ENXIO: FAILING_DISK,
  ENODEV: FAILING_DISK,
  ENOMEDIUM: FAILING_DISK,
  EMEDIUMTYPE: FAILING_DISK,
  EREMOTEIO: FAILING_DISK,
  EHWPOISON: { ...FAILING_DISK, meaning: 'the memory of this machine reports an error' },
  EBADMSG: { ...FAILING_DISK, meaning: 'the file system finds its checksum wrong' },
  EUCLEAN: { ...FAILING_DISK, meaning: 'the file system is damaged and has to be repaired (fsck)' },
  ESTALE: {
    meaning: 'the file server has lost it (a stale handle)',
    remedy: 'The server was restarted or the folder replaced. Mount it anew, or run again: finished work is kept.',
    ofMachine: true,
  },
  ETIMEDOUT: SERVER_GONE,
  ENETDOWN: SERVER_GONE,
  ENETUNREACH: SERVER_GONE,
  EHOSTDOWN: SERVER_GONE,
  EHOSTUNREACH: SERVER_GONE,
  ECONNRESET: SERVER_GONE,
  ECONNREFUSED: SERVER_GONE,
  ENOTCONN: SERVER_GONE,
  ENOLCK: { ...SERVER_GONE, meaning: 'the system gives no more locks' },
  ENOKEY: { meaning: 'the key of this encrypted folder is not loaded', remedy: 'Unlock the folder, and run again.' },
  EKEYEXPIRED: {
    meaning: 'your ticket for this file system has expired',
    remedy: 'Log in anew (kinit), and run again.',
  },
  EMFILE: {
    meaning: 'too many files are open',
    remedy: 'Raise the limit (ulimit -n 1024) or lower --jobs, and run again: finished work is kept.',
    ofMachine: true,
  },
  ENFILE: {
    meaning: 'too many files are open on this machine',
    remedy: 'End other programs, or raise the limit (fs.file-max), and run again: finished work is kept.',
    ofMachine: true,
  },
  EAGAIN: {
    meaning: 'the system allows no more processes',
    remedy: 'End other programs, raise the limit (ulimit -u), or lower --jobs, and run again.',
    ofMachine: true,
  },
  ENOMEM: {
    meaning: 'there is not enough memory',
    remedy:
      'End other programs, or lower --jobs. A limit of `ulimit -v` has to be 16 GB or more: WebAssembly reserves addresses, not memory. Then run again: finished work is kept.',
    ofMachine: true,
  },
  ENOSYS: { meaning: 'the system cannot do this', remedy: 'Choose a cache on another file system.' },
  ENOTSUP: { meaning: 'the file system cannot do this', remedy: 'Choose a cache on another file system.' },
  EOPNOTSUPP: { meaning: 'the file system cannot do this', remedy: 'Choose a cache on another file system.' },
  EPIPE: { meaning: 'nobody reads it any more', remedy: 'Run again.' },
};

/** Numbers of Linux that neither libuv nor Node.js has a name for. */
const LINUX_NAMES: Record<number, string> = {
  117: 'EUCLEAN',
  121: 'EREMOTEIO',
  122: 'EDQUOT',
  123: 'ENOMEDIUM',
  124: 'EMEDIUMTYPE',
  126: 'ENOKEY',
  127: 'EKEYEXPIRED',
  133: 'EHWPOISON',
};

/**
 * The code of a system error, such as `ENOSPC`; undefined for any other error. libuv knows some numbers only as
 * "Unknown system error -122".
 */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, errno } = error as Partial<SystemError>;
  if (typeof code !== 'string') return undefined;
  if (/^E[A-Z0-9]+$/.test(code)) return code;
  return code.startsWith('Unknown system error')
    ? nameOf(Math.abs(Number(errno ?? code.split(' ').at(-1))))
    : undefined;
}

/** What V8, the linker and C++ say where a process gets no more memory: none of them sets a code. */
const SHORT_OF_MEMORY =
  /WebAssembly\.Memory\(\): could not allocate|Array buffer allocation failed|failed to map segment from shared object(?!:)|[Cc]annot allocate memory|std::bad_alloc/;

export function isShortOfMemory(message: string): boolean {
  return SHORT_OF_MEMORY.test(message);
}

/** E.g. `the disk is full`; the code itself where the table has no words for it. */
export function meaningOf(code: string): string {
  return MEANINGS[code]?.meaning ?? `the system answers ${code}`;
}

/** What to do about it; undefined where the table does not know. */
export function remedyFor(code: string): string | undefined {
  return MEANINGS[code]?.remedy;
}

/** Whether a code says that the machine fails (a full disk, too many open files), whatever was asked of it. */
export function isMachineFault(code: string): boolean {
  return MEANINGS[code]?.ofMachine === true;
}

function nameOf(errno: number): string {
  if (process.platform === 'linux' && LINUX_NAMES[errno] !== undefined) return LINUX_NAMES[errno];
  return Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
}

/**
 * A disk that fails on purpose, within this process: calls of node:fs on paths below a folder throw what the system
 * would answer. Nothing outside of that folder is touched.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { constants } from 'node:os';
import { onTestFinished } from 'vitest';

/** Which calls fail. */
export interface Fault {
  /** E.g. `ENOSPC`. */
  code: string;
  /** The first call that fails, from 0. */
  at: number;
  /** Whether every call fails from then on, of those that a disk in this state would refuse. */
  lasting: boolean;
  /** Only calls of this name, such as `linkSync`: a file system that lacks something. */
  only?: string;
}

type Call = (...parameters: unknown[]) => unknown;
type Calls = Record<string, Call>;

/** By its last parameter, a callback; by a promise; or by what it throws. */
const STYLES = [
  {
    calls: fs as unknown as Calls,
    names: [
      ...[
        'openSync',
        'closeSync',
        'readSync',
        'writeSync',
        'readFileSync',
        'writeFileSync',
        'mkdirSync',
        'mkdtempSync',
      ],
      ...[
        'renameSync',
        'rmSync',
        'unlinkSync',
        'linkSync',
        'readdirSync',
        'copyFileSync',
        'fsyncSync',
        'ftruncateSync',
      ],
      ...[
        'statSync',
        'lstatSync',
        'fstatSync',
        'chmodSync',
        'realpathSync',
        'readlinkSync',
        'rmdirSync',
        'fchmodSync',
        'opendirSync',
      ],
    ],
    fail: (error: Error) => {
      throw error;
    },
  },
  {
    calls: fs as unknown as Calls,
    names: ['open', 'read', 'write', 'fsync', 'close', 'stat', 'lstat'],
    fail: (error: Error, parameters: unknown[]) => void setImmediate(parameters.at(-1) as Call, error),
  },
  {
    calls: fs.promises as unknown as Calls,
    names: [
      ...['open', 'readFile', 'writeFile', 'mkdir', 'mkdtemp', 'rename', 'rm', 'unlink', 'link', 'readdir', 'copyFile'],
      ...['stat', 'lstat', 'opendir', 'truncate', 'chmod', 'realpath'],
    ],
    fail: (error: Error) => Promise.reject(error),
  },
];
const WRITES = /^(write|mk|rename|rm|unlink|link|copy|f?sync|fsync|f?truncate|chmod)/;
/** What a read-only or full disk refuses; one that is broken refuses everything. */
const ONLY_WRITES = ['EROFS', 'ENOSPC', 'EDQUOT'];

export class FailingFiles {
  #folder = '/nowhere';
  readonly #paths = new Map<number, string>();
  #fault: Fault | undefined;
  /** Calls since it was armed. */
  calls = 0;
  /** Calls that have failed, such as `openSync /tmp/x`. */
  failed: string[] = [];

  /** Until the test is finished. */
  constructor() {
    const originals: [Calls, string, Call][] = [];
    for (const { calls, names, fail } of STYLES)
      for (const name of names) {
        const original = calls[name]!;
        originals.push([calls, name, original]);
        calls[name] = Object.assign((...parameters: unknown[]) => {
          const path = this.#pathOf(parameters[0]);
          const error = path === undefined ? undefined : this.#refuse(name, path, parameters);
          if (error !== undefined) return fail(error, parameters);
          // A test does not wait for a real disk.
          if (name === 'fsync' && path !== undefined) return void setImmediate(parameters.at(-1) as Call, null);
          const result = original.apply(calls, parameters);
          if (name === 'openSync') this.#paths.set(result as number, path ?? String(parameters[0]));
          return result;
        }, original);
      }
    syncBuiltinESMExports();
    onTestFinished(() => {
      for (const [calls, name, original] of originals) calls[name] = original;
      syncBuiltinESMExports();
    });
  }

  /** Counts the calls below a folder anew, and lets those fail that the fault says; without one, none. */
  arm(folder: string, fault?: Fault): void {
    this.#folder = folder;
    this.#fault = fault;
    this.calls = 0;
    this.failed = [];
  }

  #pathOf(target: unknown): string | undefined {
    // What lies in a folder that is held is named through its descriptor.
    const held = /^\/proc\/(?:self|\d+)\/fd\/(\d+)(.*)$/.exec(String(target));
    const path =
      held !== null
        ? `${this.#paths.get(Number(held[1]))}${held[2]}`
        : typeof target === 'number'
          ? this.#paths.get(target)
          : String(target);
    return path?.startsWith(this.#folder) ? path : undefined;
  }

  #refuse(name: string, path: string, parameters: unknown[]): Error | undefined {
    const call = this.calls++;
    const fault = this.#fault;
    if (fault?.only !== undefined && fault.only !== name) return undefined;
    if (fault === undefined || (fault.lasting ? call < fault.at : call !== fault.at)) return undefined;
    const syscall = name.replace(/Sync$/, '');
    const writes = WRITES.test(syscall) || (syscall === 'open' && /[wa+]/.test(String(parameters[1] ?? 'r')));
    if (fault.lasting && ONLY_WRITES.includes(fault.code) && !writes) return undefined;
    this.failed.push(`${name} ${path}`);
    const errno = -constants.errno[fault.code as keyof typeof constants.errno];
    const code = ['EDQUOT', 'ESTALE'].includes(fault.code) ? `Unknown system error ${errno}` : fault.code; // as libuv says it
    const named = typeof parameters[0] === 'number' ? {} : { path };
    return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { errno, code, syscall, ...named });
  }
}

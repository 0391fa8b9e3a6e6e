/**
 * Folders that are held while something in them is written, moved or removed, so that nobody who may write into a
 * shared cache can lead that elsewhere.
 *
 * A path is looked up anew each time, and any part of it below the cache may have been replaced by a link meanwhile.
 * So folders are opened one after the other, links refused, and what is in the last one is named through its
 * descriptor. Without /proc (macOS) the same looks are made, but by name: there, a replacement in the very moment in
 * between is not noticed.
 *
 * A user may have laid a folder of a cache on another disk by a link. It is followed if whoever laid it is this user or
 * root, or owns the folder that it leads to: nobody's files can be reached by it that its maker could not write anyway.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { SwpError } from './failure.ts';

const { O_DIRECTORY = 0, O_NOFOLLOW = 0, O_RDONLY } = constants;

/** What is in an open folder can be named through its descriptor. */
export const CAN_NAME_BY_DESCRIPTOR = procIsOurs();

/** A name that leads to what lies in a folder of that descriptor, also for processes that this one has started. */
const DESCRIPTOR_PATH = /^\/proc\/\d+\/fd\/\d+(?=\/|$)/;

const OWN_DESCRIPTOR_PATHS = new RegExp(`/proc/${process.pid}/fd/\\d+(?=/)`, 'g');

/** Folders of which others may own or replace what is below them. */
const guarded = new Set<string>();

/** Paths of folders that were open last under a descriptor: an error names the descriptor, and is shown later. */
const closed = new Map<string, string>();

/** The path by which people know a file that was named through a descriptor. */
export function shownPath(path: string): string {
  const folder = DESCRIPTOR_PATH.exec(path)?.[0];
  if (folder === undefined) return path;
  try {
    return (closed.get(folder) ?? readlinkSync(folder)) + path.slice(folder.length);
  } catch {
    return path;
  }
}

/** The same text with the paths by which people know what this process has named through descriptors. */
export function withShownPaths(text: string): string {
  return text.replaceAll(OWN_DESCRIPTOR_PATHS, shownPath);
}

/** From now on, what lies below this folder is reached without following the links of others. */
export function guardFolder(folder: string): void {
  guarded.add(resolve(folder));
}

/** A folder that is open. */
export class HeldFolder {
  readonly #shown: string;
  readonly #descriptor: number;

  /** @param shown its path, for messages */
  constructor(descriptor: number, shown: string) {
    this.#descriptor = descriptor;
    this.#shown = shownPath(shown);
    closed.delete(this.path('.'));
  }

  get descriptor(): number {
    return this.#descriptor;
  }

  /** A name for what is in it, which leads there even if the folder has another path by now. */
  path(name: string): string {
    const folder = CAN_NAME_BY_DESCRIPTOR ? `/proc/${process.pid}/fd/${this.#descriptor}` : this.#shown;
    return join(folder, name);
  }

  /**
   * Opens a folder in it.
   * @param make makes it if it is missing
   * @throws SwpError of kind `file` for a link that is not to be trusted; an error of the file system
   */
  enter(name: string, make?: (path: string) => void): HeldFolder {
    const shown = join(this.#shown, name);
    try {
      return new HeldFolder(openSync(this.path(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW), shown);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' && make !== undefined) {
        make(this.path(name));
        return this.enter(name);
      }
      const isLink = lstatSync(this.path(name), { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
      if (!isLink) throw Object.assign(error as Error, { path: shown });
      return this.#follow(name, shown);
    }
  }

  #follow(name: string, shown: string): HeldFolder {
    const path = this.path(name);
    const before = lstatSync(path, { bigint: true });
    const target = readlinkSync(path);
    const after = lstatSync(path, { bigint: true });
    const isSame = before.ino === after.ino && before.ctimeNs === after.ctimeNs;
    const folder = isAbsolute(target) ? target : `${this.path('.')}/${target}`; // not joined: it may begin with ..
    const maker = Number(before.uid);
    const isOurs = [0, process.geteuid?.() ?? 0].includes(maker);
    let descriptor: number | undefined;
    try {
      descriptor = openSync(folder, O_RDONLY | O_DIRECTORY);
    } catch (error) {
      // It is the link that has to go: the system names what it leads to, which may be anybody's.
      if (isOurs) throw Object.assign(error as Error, { path: shown });
    }
    if (descriptor !== undefined) {
      if (isSame && (isOurs || fstatSync(descriptor).uid === maker)) return new HeldFolder(descriptor, shown);
      closeSync(descriptor);
    }
    throw new SwpError({
      kind: 'file',
      path: shown,
      operation: 'write',
      code: 'ELOOP',
      remedy:
        `It is a link that user ${maker} made, to ` +
        (descriptor === undefined
          ? 'what is no folder that can be opened. Remove the link.'
          : 'a folder of somebody else, and swp would write there. Remove the link; if the folder is meant to lie ' +
            'there, let the owner of that folder make the link, or root.'),
    });
  }

  [Symbol.dispose](): void {
    try {
      closeSync(this.#descriptor);
    } catch (error) {
      // Of a broken disk. Nothing was written through it, and what is thrown beside it says what happened.
      if ((error as NodeJS.ErrnoException).code === 'EBADF') throw error;
    }
    closed.set(this.path('.'), this.#shown);
  }
}

/**
 * Opens a folder; below a guarded one without following the links of others.
 * @param make makes what is missing below the guarded one
 */
export function holdFolder(path: string, make?: (path: string) => void): HeldFolder {
  const folder = resolve(path);
  const root = rootOf(folder) ?? folder;
  let held = new HeldFolder(openSync(root, O_RDONLY | O_DIRECTORY), root);
  for (const name of relative(root, folder).split(sep)) if (name !== '') held = goDown(held, name, make);
  return held;
}

/** @param above is closed */
function goDown(above: HeldFolder, name: string, make?: (path: string) => void): HeldFolder {
  using held = above;
  return held.enter(name, make);
}

/** Whether a folder lies below a guarded one. */
export function isBelowGuarded(path: string): boolean {
  const folder = resolve(path);
  return (rootOf(folder) ?? folder) !== folder;
}

function rootOf(folder: string): string | undefined {
  for (let place = folder; ; place = dirname(place)) {
    if (guarded.has(place)) return place;
    if (dirname(place) === place) return undefined;
  }
}

/** Makes a folder in a held one, unless it is there. */
export function makeHeld(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Gives a file or a folder another place, in guarded folders or not. What is there is replaced, a link itself. */
export function moveTo(source: string, path: string): void {
  using from = holdFolder(dirname(source));
  using to = holdFolder(dirname(path));
  renameSync(from.path(basename(source)), to.path(basename(path)));
}

/** Removes a file, or a link itself; nothing happens if it is not there. */
export function removeFile(path: string): void {
  try {
    using folder = holdFolder(dirname(path));
    unlinkSync(folder.path(basename(path)));
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/**
 * Removes a file, or a folder with all that is in it, and nothing that a link leads to. Others may remove it at the
 * same time.
 */
export function removeTree(path: string): void {
  try {
    using folder = holdFolder(dirname(path));
    removeIn(folder, basename(path));
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function removeIn(folder: HeldFolder, name: string): void {
  if (!CAN_NAME_BY_DESCRIPTOR) return rmSync(folder.path(name), { recursive: true, force: true });
  try {
    const path = folder.path(name);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (!found.isDirectory()) return unlinkSync(path);
    // A link that has taken the folder's place since is refused here.
    using within = new HeldFolder(openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), path);
    for (const each of readdirSync(within.path('.'))) removeIn(within, each);
    rmdirSync(path);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/**
 * Opens anew the folder that a path through a descriptor goes through.
 * @returns undefined for another path
 */
export function reopenHeld(path: string): number | undefined {
  const folder = DESCRIPTOR_PATH.exec(path)?.[0];
  return folder === undefined ? undefined : openSync(`${folder}/.`, O_RDONLY | O_DIRECTORY);
}

function isGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/**
 * Programs that stages start must be able to use such names, too: the kernel hides the descriptors of a Node.js that
 * was given capabilities from programs that have none.
 */
function procIsOurs(): boolean {
  try {
    const hasCapabilities = !/^CapPrm:\s+0+$/m.test(readFileSync('/proc/self/status', 'utf8'));
    return readlinkSync('/proc/self') === String(process.pid) && (!hasCapabilities || process.geteuid?.() === 0);
  } catch {
    return false;
  }
}

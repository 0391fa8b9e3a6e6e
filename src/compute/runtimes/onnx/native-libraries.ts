/** Which native libraries the dynamic loader would find. Loads none of them. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { onnxBinaries } from './onnx-package.ts';

export interface NativeLibraries {
  /** E.g. `linux/x64`. */
  platform: string;
  /** Whether ONNX Runtime's own folder of libraries has the file. */
  packageHas(file: string): boolean;
  /** Whether a library of that name is in the loader's cache or in LD_LIBRARY_PATH. */
  canLoad(library: string): Promise<boolean>;
  /** Names of the libraries that one of the package's binaries needs, directly or not, and that are not found. */
  missingFor(file: string): Promise<string[]>;
}

const execute = promisify(execFile);
/** ldconfig is not in every user's PATH. */
const SYSTEM_PATH = [process.env.PATH, '/sbin', '/usr/sbin'].join(delimiter);

export const installedLibraries: NativeLibraries = {
  platform: `${platform()}/${arch()}`,
  packageHas: (file) => existsSync(packageFile(file)),
  canLoad: async (library) =>
    (process.env.LD_LIBRARY_PATH ?? '')
      .split(delimiter)
      .some((folder) => folder !== '' && existsSync(join(folder, library))) ||
    (await output('ldconfig', ['-p'])).split('\n').some((line) => line.trim().startsWith(`${library} `)),
  // ldd resolves as the loader does, and runs none of the library's code.
  missingFor: async (file) =>
    [...(await output('ldd', [packageFile(file)])).matchAll(/^\s*(\S+) => not found/gm)].map(([, library]) => library!),
};

function packageFile(file: string): string {
  return join(onnxBinaries(), file);
}

/** Empty if the tool is not installed: then a missing library shows when ONNX Runtime loads it. */
async function output(command: string, args: string[]): Promise<string> {
  const { stdout } = await execute(command, args, { env: { ...process.env, PATH: SYSTEM_PATH } }).catch(() => ({
    stdout: '',
  }));
  return stdout;
}

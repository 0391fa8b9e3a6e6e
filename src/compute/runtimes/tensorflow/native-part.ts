/**
 * Downloads the native part of the npm package: libtensorflow and the addon that binds it. npm installs the package
 * without it, because it is hundreds of megabytes from outside the registry.
 */
import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, delimiter, dirname, join } from 'node:path';
import { execa } from 'execa';
import { findTensorflowPackage, installationText, PACKAGE, type TensorflowPackage } from './tensorflow-package.ts';

/** The native part could not be installed; what was installed before is unchanged. */
export class InstallError extends Error {
  override name = 'InstallError';
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}

const BUILD = 'Or build it from a TensorFlow wheel: docs/tensorflow.md.';

/** For these the package's install script has something to download. */
const PLATFORMS = ['linux x64', 'linux arm64', 'darwin x64', 'darwin arm64', 'win32 x64'];

/** libtensorflow and the addon: the folders that the install script empties before it has something to put there. */
const FOLDERS = ['deps', 'lib'];

/** How a failed download shows: codes of Node's network errors. */
const NETWORK_ERROR =
  /\b(ENOTFOUND|EAI_AGAIN|ECONN[A-Z]+|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EPIPE|[A-Z_]*CERT[A-Z_]*|socket hang up)\b/;

/**
 * Runs the package's own install script: it downloads libtensorflow with GPU support (on Linux and Windows), and a
 * prebuilt addon, or builds that where there is none for this platform.
 * @param log takes what the script writes, line by line
 * @throws InstallError if it fails; what was installed before is kept then
 */
export async function installNativePart(log: (line: string) => void): Promise<void> {
  const found = findTensorflowPackage();
  if (found === undefined)
    throw new InstallError(`The optional package ${PACKAGE} is not installed.`, `Install it: ${installationText()}`);
  const platform = `${process.platform} ${process.arch}`;
  if (!PLATFORMS.includes(platform))
    throw new InstallError(
      `TensorFlow is not there for ${platform}, only for ${PLATFORMS.join(', ')}.`,
      'Use engine onnx.',
    );
  const packageJson = await readFile(join(found.directory, 'package.json'));
  await setAside(found.directory);
  try {
    await runInstallScript(found, log);
  } catch (error) {
    await restore(found.directory);
    // the script edits it, for the time of a download
    await writeFile(join(found.directory, 'package.json'), packageJson);
    throw error;
  }
  for (const folder of FOLDERS) await rm(aside(found.directory, folder), { recursive: true, force: true });
}

async function runInstallScript(
  { directory, installScript, addon }: TensorflowPackage,
  log: (line: string) => void,
): Promise<void> {
  const script = execa(installScript, {
    cwd: directory,
    shell: true,
    env: { PATH: pathOfScripts(directory) },
    all: true,
    reject: false,
    stdin: 'ignore',
  });
  for await (const line of script.iterable({ from: 'all' })) log(line);
  const { failed, all, exitCode } = await script;
  if (!failed && existsSync(addon)) return;
  if (!failed)
    throw new InstallError(
      `Its install script ended without leaving ${basename(addon)}.`,
      `The lines above may say why. ${BUILD}`,
    );
  const network = NETWORK_ERROR.exec(all);
  throw network === null
    ? new InstallError(
        `Its install script failed: ${reasonOf(all) ?? `exit code ${exitCode}`}`,
        `The lines above may say why. ${BUILD}`,
      )
    : new InstallError(
        `The download failed (${network[0]}).`,
        `Check the network; HTTPS_PROXY names a proxy, TFJS_NODE_CDN_STORAGE a mirror of https://storage.googleapis.com/. ${BUILD}`,
      );
}

/** As npm has it for scripts: this Node first, then the commands of the package's dependencies. */
function pathOfScripts(directory: string): string {
  const folders = [dirname(process.execPath)];
  for (let folder = directory; folder !== dirname(folder); folder = dirname(folder))
    folders.push(join(folder, 'node_modules', '.bin'));
  return [...folders, process.env.PATH ?? ''].join(delimiter);
}

async function setAside(directory: string): Promise<void> {
  for (const folder of FOLDERS) {
    const path = join(directory, folder);
    if (existsSync(aside(directory, folder)))
      await rm(path, { recursive: true, force: true }); // an installation that was killed
    else if (existsSync(path)) await rename(path, aside(directory, folder));
  }
}

async function restore(directory: string): Promise<void> {
  for (const folder of FOLDERS) {
    await rm(join(directory, folder), { recursive: true, force: true });
    if (existsSync(aside(directory, folder))) await rename(aside(directory, folder), join(directory, folder));
  }
}

function aside(directory: string, folder: string): string {
  return join(directory, `${folder}.before-install`);
}

/** The line that says what went wrong: of a stack trace, the error. */
function reasonOf(output: string): string | undefined {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.find((line) => /^(\w*Error\b|Error:)/.test(line)) ?? lines.at(-1);
}

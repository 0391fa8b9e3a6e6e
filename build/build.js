/**
 * Builds swp: types from the JSON Schemas, the optimizer kernels, the bundles, the fingerprints of the code, and a copy
 * of ONNX Runtime. bin/swp.js runs it when a source is newer than the build; npm, as `prepare`, when it installs swp
 * from git.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { apiDeclarations } from './api-declarations.js';
import * as codeGroups from './code-groups.js';
import { brokenStages, BuildError, codeFingerprints, stageFiles } from './code-fingerprints.js';
import { copyOnnxRuntime } from './onnx-runtime.js';
import { validatorModules } from './validators.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

/** bin/swp.js asks for it: if a stage does not build, the others do, and swp says so of its nodes. */
const WITHOUT_BROKEN = '--without-broken-stages';

const SOURCES = ['src', 'stages', 'schemas', 'templates', 'build', 'package.json'];
/** Those of src/compute/kernel (AssemblyScript) that become a .wasm file. */
const KERNELS = ['optimizer', 'exact-optimizer'];
/** How long a build that is no longer current stays: some process may have been running from it for days. */
const KEPT_DAYS = 30;

try {
  await build();
} catch (error) {
  // A mistake in one stage is no matter to the nodes of the others.
  const broken = process.argv.includes(WITHOUT_BROKEN) && error.errors ? await brokenStages(root) : {};
  if (Object.keys(broken).length > 0) await build(broken);
  else {
    if (!(error instanceof BuildError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** @param broken stages to leave out, by name: why they do not build */
async function build(broken = {}) {
  await mkdir(join(root, 'src/generated'), { recursive: true }); // a folder that the build adds must not make it stale
  const sources = await listSources(); // before anything is read: an edit during the build makes it stale, not wrong
  await mkdir(dist, { recursive: true });
  await Promise.all([generateTypes(), generateValidators()]);
  for (const why of Object.values(broken)) console.error(`${why}\n  The nodes of this stage cannot run.`);
  const code = await codeFingerprints(root, codeGroups, broken);
  const fresh = await mkdtemp(join(dist, 'fresh-'));
  await compileKernels(fresh);
  await bundle(fresh, broken);
  await bundlePage(fresh);
  await declareApi(fresh);
  const onnxRuntime = await copyOnnxRuntime(root, dist);
  await writeFingerprints({ ...code, broken, onnxRuntime }, fresh);
  const name = await publish(fresh);
  // What package.json exports: stable names for the present build.
  await writeAtomically(join(dist, 'index.js'), `export * from './${name}/index.js';\n`);
  await writeAtomically(join(dist, 'index.d.ts'), `export * from './${name}/types/index.js';\n`);
  await writeAtomically(join(dist, '.npmignore'), unpacked(name, onnxRuntime));
  await writeAtomically(join(dist, 'current.json'), JSON.stringify({ build: name, sources }));
  await removeOldBuilds(name);
}

/**
 * schemas/**.schema.json -> src/generated/*.ts, one file per schema. The compiler is loaded only if one has changed.
 */
async function generateTypes() {
  const files = (await filesUnder(join(root, 'schemas'))).filter((file) => file.endsWith('.schema.json')).sort();
  const made = createHash('sha256');
  for (const file of [fileURLToPath(import.meta.url), join(root, 'package-lock.json'), ...files])
    made.update(await readFile(file));
  const digest = made.digest('hex');
  const types = files.map((file) => ({
    file,
    path: join(root, 'src/generated', `${basename(file, '.schema.json')}.ts`),
    banner: `/* Generated from ${relative(root, file)} by build/build.js. Do not edit. ${digest} */`,
  }));
  const present = await Promise.all(types.map(({ path }) => readFile(path, 'utf8').catch(() => '')));
  const stale = types.filter(({ banner }, index) => !present[index].startsWith(banner));
  if (stale.length === 0) return;
  const { compile } = await import('json-schema-to-typescript');
  await Promise.all(
    stale.map(async ({ file, path, banner }) => {
      const schema = JSON.parse(await readFile(file, 'utf8'));
      const text = await compile(schema, schema.title, {
        cwd: dirname(file),
        bannerComment: banner,
        format: false,
        unreachableDefinitions: true,
      });
      await writeAtomically(path, text);
    }),
  );
}

/** The validators of build/validators.js -> src/generated/*.ts. */
async function generateValidators() {
  const pathOf = (name) => join(root, `src/generated/${name}.ts`);
  const modules = await validatorModules(root, (name) => readFile(pathOf(name), 'utf8').catch(() => undefined));
  await Promise.all(Object.entries(modules).map(([name, text]) => writeIfChanged(pathOf(name), text)));
}

/** Compiling takes seconds: the results are kept. */
async function compileKernels(out) {
  const folder = join(root, 'src/compute/kernel');
  const digest = createHash('sha256').update(await readFile(join(root, 'package-lock.json')));
  for (const name of (await readdir(folder)).sort()) digest.update(await readFile(join(folder, name)));
  const version = digest.digest('hex').slice(0, 16);
  for (const name of KERNELS) {
    const kept = join(dist, `${name}-${version}.wasm`);
    if (!existsSync(kept)) await writeAtomically(kept, await compileAssembly(join(folder, `${name}.ts`)));
    await copyFile(kept, join(out, `${name}.wasm`));
  }
}

async function compileAssembly(source) {
  const { main } = await import('assemblyscript/dist/asc.js');
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
  const { error, stderr } = await main([source, '--outFile', 'kernel.wasm', ...flags], {
    writeFile: (_name, contents) => void (binary = contents),
  });
  if (error) throw new Error(`${source} does not compile:\n${stderr.toString()}`);
  return binary;
}

/** Types for programs that import the package. */
async function declareApi(out) {
  const declarations = await apiDeclarations(root, join(dist, 'api-declarations.json'), writeAtomically);
  for (const [path, text] of Object.entries(declarations)) {
    await mkdir(join(out, 'types', dirname(path)), { recursive: true });
    await writeFile(join(out, 'types', path), text);
  }
}

/**
 * The script of the DAG page: for browsers, with everything in it, and the licences of what is. A control character
 * that a library has in a string is written as its escape: `swp dag --format html -o -` may go to a terminal.
 */
async function bundlePage(out) {
  const { outputFiles } = await esbuild.build({
    absWorkingDir: root,
    entryPoints: [{ in: 'src/report/dag-page/script.ts', out: 'dag-page' }],
    outdir: out,
    write: false,
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    legalComments: 'inline',
    logLevel: 'warning',
  });
  for (const { path, text } of outputFiles)
    await writeFile(path, text.replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, escaped));
}

function escaped(character) {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** The program, its worker process, the probe of `swp doctor`, and each stage; code that they share is written once. */
async function bundle(out, broken) {
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: [
      { in: 'src/cli/main.ts', out: 'main' },
      { in: 'src/index.ts', out: 'index' },
      { in: codeGroups.WORKER, out: 'worker' },
      { in: 'src/doctor/probe-child.ts', out: 'probe' },
      ...(await stageFiles(root))
        .filter((file) => broken[basename(file, '.ts')] === undefined)
        .map((file) => ({ in: file, out: file.slice(0, -'.ts'.length) })),
    ],
    outdir: out,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    plugins: [{ name: 'packages', setup: packagesOutside }],
    logLevel: 'warning',
  });
}

/**
 * Packages are loaded where npm has put them, except for those of @stdlib: a function there is two hundred files, whose
 * loading would cost every command a tenth of a second.
 */
function packagesOutside(build) {
  // They have it write what they do, if somebody asks for that.
  build.onResolve({ filter: /^debug$/ }, ({ path }) => ({ path, namespace: 'silent' }));
  build.onLoad({ filter: /./, namespace: 'silent' }, () => ({ contents: 'module.exports = () => () => {};' }));
  build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
    kind === 'entry-point' || path.startsWith('@stdlib/') ? undefined : { path, external: true },
  );
}

/** What stages are loaded with: the fingerprints of the code, and that of the optimizer kernel. */
async function writeFingerprints(code, out) {
  const hashOf = async (file) =>
    createHash('sha256')
      .update(await readFile(join(out, file)))
      .digest('hex');
  const kernels = { kernel: await hashOf('optimizer.wasm'), exactKernel: await hashOf('exact-optimizer.wasm') };
  await writeFile(join(out, 'fingerprints.json'), `${JSON.stringify({ ...code, ...kernels }, null, 2)}\n`);
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

/** What \`npm pack\` leaves out of dist: all but the present build and its ONNX Runtime. */
function unpacked(build, onnxRuntime) {
  const packed = [`/${build}/`, `/${onnxRuntime}/`, '/index.js', '/index.d.ts', '/current.json'];
  return ['/*', ...packed.map((path) => `!${path}`), '*_providers_*', '.install-*', ''].join('\n');
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

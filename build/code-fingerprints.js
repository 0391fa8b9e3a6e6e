/**
 * Fingerprints of code: SHA-256 over the modules that compute something, by what they say. Which ones those are is
 * declared in code-groups.js.
 *
 * A module counts as esbuild prints it without comments, white space and types. In place of the module that an import
 * names stands what that module says: so moving or renaming a file changes no fingerprint, and importing the same name
 * from another file does. In place of a package stands its name and version.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { basename, extname, join, posix } from 'node:path';
import * as esbuild from 'esbuild';
import * as codeGroups from './code-groups.js';

/** Stands before a module's path in printed code, until what the module says is put there. */
const MODULE = 'module-of-this-checkout:';
const MODULE_PATHS = new RegExp(`${MODULE}([^"'\`]+)`, 'g');
/** An import statement at the beginning of printed code: those of a module come first. */
const IMPORT = /^import[^"'()]*(?:"[^"]*"|'[^']*')(?:with\{[^}]*\})?;?/;

const ARROW = '\n    -> ';

const OPTIONS = {
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
  outdir: 'unused',
};

/** A mistake in the sources that whoever builds can mend: the message says where and how, and needs no stack. */
export class BuildError extends Error {
  name = 'BuildError';
}

/**
 * @param root of a checkout
 * @param declaration what code-groups.js exports
 * @param broken stages that do not build, by name: they have no fingerprint
 * @returns the fingerprint of the code of every stage, engine and corpus, the versions of packages that are in those of
 *   the stages, and the fingerprint of what renders reports
 * @throws BuildError if a module that a stage or a worker reaches is not in exactly one group, or if a group lists one
 *   that does not exist
 */
export async function codeFingerprints(root, declaration = codeGroups, broken = {}) {
  const { GROUPS, STAGE_GROUPS, ENGINES, CORPORA, WORKER, RENDERER } = declaration;
  const stages = (await stageFiles(root)).filter((file) => broken[stageName(file)] === undefined);
  const imports = await importsBetween(root, [...stages, WORKER, RENDERER]);
  const groupOf = groupsOfModules(GROUPS, imports);
  checkDeclaration(root, GROUPS, groupOf, reachedFrom([...stages, WORKER], imports));

  const printed = await printedModules(root, [...imports.keys()]);
  const code = new Code(printed, imports, await packageVersions(root));
  const fingerprintOf = (entry, groups) => {
    const counts = (module) => groups.includes(groupOf(module));
    const passes = (module) => counts(module) || GROUPS[groupOf(module)].through;
    return code.fingerprint([...reachedFrom([entry], imports, passes).keys()].filter(counts), counts);
  };
  const parts = (declared) =>
    Object.fromEntries(
      Object.entries(declared).map(([name, { module, groups }]) => [name, fingerprintOf(module, groups).sha256]),
    );
  const ofStages = [...reachedFrom(stages, imports).keys()].filter((module) => STAGE_GROUPS.includes(groupOf(module)));
  await refuseUnseenImports(root, ofStages, printed, imports);
  const byStage = stages.map((file) => [stageName(file), fingerprintOf(file, STAGE_GROUPS)]);
  return {
    stages: Object.fromEntries(byStage.map(([stage, { sha256 }]) => [stage, sha256])),
    engines: parts(ENGINES),
    corpora: parts(CORPORA),
    packages: Object.fromEntries(byStage.map(([stage, { packages }]) => [stage, packages])),
    renderer: code.fingerprint([...reachedFrom([RENDERER], imports).keys()], () => true).sha256,
  };
}

/** Paths of the stages' modules, relative to the root. */
export async function stageFiles(root) {
  const files = await readdir(join(root, 'stages'));
  return files
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .map((file) => `stages/${file}`);
}

function stageName(file) {
  return basename(file, '.ts');
}

/**
 * Tries every stage by itself, where the sources do not build: a mistake in one stage is no matter to the others.
 * @returns the stages that do not build, by name: where, and why
 */
export async function brokenStages(root) {
  const broken = {};
  for (const file of await stageFiles(root))
    try {
      await esbuild.build({
        ...OPTIONS,
        absWorkingDir: root,
        entryPoints: [file],
        packages: 'external',
        logLevel: 'silent',
      });
    } catch (error) {
      const [{ location, text }] = error.errors ?? [{ location: null, text: error.message }];
      broken[stageName(file)] = location ? `${location.file}:${location.line}:${location.column + 1}: ${text}` : text;
    }
  return broken;
}

/**
 * What a stage imports counts as its code only if it can be seen here.
 * @throws BuildError for an import whose name is only known when it runs, and for a package of no declared version
 */
async function refuseUnseenImports(root, modules, printed, imports) {
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const declared = new Set([...Object.keys(dependencies), ...builtinModules]);
  const problems = modules.flatMap((module) => [
    ...(/\bimport\((?!"|'|`[^`$]*`)/.test(printed.get(module))
      ? [
          `${module} imports a module whose name is only known when it runs: its code would be in no key.\n` +
            '  Write import(...) with the path itself, once for each module.',
        ]
      : []),
    ...imports
      .get(module)
      .packages.filter((name) => !name.startsWith('node:') && !declared.has(name))
      .map(
        (name) =>
          `${module} imports the package ${name}, and package.json has no version of it for the keys.\n` +
          `  Add it to "dependencies": npm install --save-exact ${name}`,
      ),
  ]);
  if (problems.length > 0) throw new BuildError(problems.join('\n\n'));
}

/**
 * What each module that can be reached imports, at once or later: `modules` of this checkout by path, and `packages` by
 * name. Imports of types alone are none.
 */
async function importsBetween(root, entryPoints) {
  const { metafile } = await esbuild.build({
    ...OPTIONS,
    absWorkingDir: root,
    entryPoints: entryPoints.map((file) => ({ in: file, out: file })),
    splitting: true,
    packages: 'external',
    metafile: true,
  });
  return new Map(
    Object.entries(metafile.inputs).map(([module, { imports }]) => [
      module,
      {
        modules: imports.filter(({ external }) => !external).map(({ path }) => path),
        packages: imports.filter(({ external }) => external).map(({ path }) => packageOf(path)),
      },
    ]),
  );
}

/**
 * The modules that can be reached, each with the one through which it was, in the order in which they are found.
 * @param passes whether what a module imports is reached as well
 */
function reachedFrom(entryPoints, imports, passes = () => true) {
  const reached = new Map(entryPoints.map((entry) => [entry, undefined]));
  for (const module of reached.keys())
    if (passes(module))
      for (const imported of imports.get(module).modules) if (!reached.has(imported)) reached.set(imported, module);
  return reached;
}

/**
 * @returns a function that names a module's group: that of its own line, else of a table that imports it, else of the
 *   folder that it is in; undefined for one that has none
 */
function groupsOfModules(groups, imports) {
  const lines = Object.entries(groups).flatMap(([name, { modules }]) => modules.map((path) => [path, name]));
  const fromTables = Object.entries(groups).flatMap(([name, { tables = [] }]) =>
    tables.flatMap((table) => (imports.get(table)?.modules ?? []).map((path) => [path, name])),
  );
  const byPath = new Map([...fromTables, ...lines]);
  const folders = lines.filter(([path]) => path.endsWith('/'));
  return (module) => byPath.get(module) ?? folders.find(([folder]) => module.startsWith(folder))?.[1];
}

function checkDeclaration(root, groups, groupOf, reached) {
  const listed = Object.entries(groups).flatMap(([name, { modules }]) => modules.map((path) => ({ name, path })));
  const problems = [
    ...[...reached.keys()].filter((module) => groupOf(module) === undefined).map((m) => unassigned(m, reached, groups)),
    ...listed
      .filter(({ path }, index) => listed.findIndex((other) => other.path === path) < index)
      .map(
        ({ name, path }) =>
          `${path} stands in build/code-groups.js twice, the second time under ${name}.\n  Keep one of the lines.`,
      ),
    ...listed
      .filter(({ path }) => !existsSync(join(root, path)))
      .map(
        ({ name, path }) =>
          `${path} is listed under ${name} in build/code-groups.js, and there is no such file.\n` +
          `  Correct the line if the file was moved; remove it if the file is gone.`,
      ),
    ...listed
      .filter(({ name, path }) => path.endsWith('/') && name !== 'results')
      .map(
        ({ name, path }) =>
          `${path} is a whole folder, listed under ${name} in build/code-groups.js.\n` +
          `  List its files: only under \`results\` may a folder stand, since there a new file cannot be missed.`,
      ),
  ];
  if (problems.length > 0) throw new BuildError(problems.join('\n\n'));
}

function unassigned(module, reached, groups) {
  const way = [module];
  for (let from = reached.get(module); from !== undefined; from = reached.get(from)) way.unshift(from);
  return [
    `${module} is in no group of build/code-groups.js, and a stage or a worker reaches it:`,
    `  ${way.join(ARROW)}`,
    '  A change in it must change the keys of the results that it can change, and no others.',
    '  Add its path to one of these groups, to `results` when in doubt:',
    ...Object.entries(groups).map(([name, { why }]) => `    ${name.padEnd(10)} ${why}`),
  ].join('\n');
}

/** Printed code, by a module's path and what it says: a process that asks again prints what has changed. */
const printedBefore = new Map();

/** Code of each module by path, printed without comments, white space and types; see MODULE for its imports. */
async function printedModules(root, modules) {
  const sources = await Promise.all(
    modules.map(async (path) => {
      const text = await readFile(join(root, path), 'utf8');
      return { path, text, key: sha256([path, text]) };
    }),
  );
  const fresh = sources.filter(({ key }) => !printedBefore.has(key));
  if (fresh.length > 0) {
    const { outputFiles } = await esbuild.build({
      ...OPTIONS,
      absWorkingDir: root,
      entryPoints: fresh.map((_, index) => ({ in: String(index), out: String(index) })),
      treeShaking: false,
      minifyWhitespace: true,
      legalComments: 'none',
      plugins: [{ name: 'each module by itself', setup: oneByOne }],
    });
    for (const { path, text } of outputFiles) printedBefore.set(fresh[Number(basename(path, '.js'))].key, text.trim());
  }
  return new Map(sources.map(({ path, key }) => [path, printedBefore.get(key)]));

  function oneByOne(build) {
    build.onResolve({ filter: /./ }, ({ path, kind, pluginData: importer }) => {
      // All have one name there: esbuild names the default export after the file.
      if (kind === 'entry-point') return { path: `${path}/module`, namespace: 'modules', pluginData: fresh[path] };
      if (!path.startsWith('.')) return { path, external: true };
      return { path: `${MODULE}${posix.join(posix.dirname(importer), path)}`, external: true };
    });
    build.onLoad({ filter: /./, namespace: 'modules' }, ({ pluginData: { path, text } }) => ({
      contents: text,
      loader: extname(path).slice(1),
      pluginData: path,
    }));
  }
}

/** What modules say, together with what they import. */
class Code {
  #printed;
  #imports;
  #versions;

  /**
   * @param printed code of each module by path, as `printedModules` makes it
   * @param imports by path, as `importsBetween` finds them
   * @param versions of packages, by name
   */
  constructor(printed, imports, versions) {
    this.#printed = printed;
    this.#imports = imports;
    this.#versions = versions;
  }

  /**
   * @param modules whose code is hashed, in any order
   * @param counts whether an imported module's code stands in place of its path
   * @returns the hash, and the versions of the packages that are in it
   */
  fingerprint(modules, counts) {
    const known = new Map();
    const packages = new Set(modules.flatMap((module) => this.#packagesOf(module)));
    return {
      sha256: sha256(modules.map((module) => this.#identity(module, counts, known, [])).sort()),
      packages: Object.fromEntries([...packages].sort().map((name) => [name, this.#versions[name]])),
    };
  }

  /** SHA-256 of a module's code with those of the modules that it imports in it. */
  #identity(module, counts, known, importers) {
    if (known.has(module)) return known.get(module);
    const way = [...importers, module];
    if (importers.includes(module))
      throw new BuildError(
        `These modules import each other in a circle:\n  ${way.join(ARROW)}\n` +
          '  Move what they share to a module of its own.',
      );
    const text = this.#printed
      .get(module)
      .replaceAll(MODULE_PATHS, (_, path) => (counts(path) ? this.#identity(path, counts, known, way) : 'not counted'));
    const versions = this.#packagesOf(module).map((name) => `${name}@${this.#versions[name]}`);
    const identity = sha256([...sortedImports(text), ...versions]);
    known.set(module, identity);
    return identity;
  }

  /** Packages that a module imports and that package.json has, sorted: not those that npm may leave out. */
  #packagesOf(module) {
    return [...new Set(this.#imports.get(module).packages)]
      .filter((name) => Object.hasOwn(this.#versions, name))
      .sort();
  }
}

/** The import statements of printed code, sorted: their order means nothing; and the rest. */
function sortedImports(text) {
  const statements = [];
  let rest = text;
  for (let found = IMPORT.exec(rest); found !== null; found = IMPORT.exec(rest)) {
    statements.push(found[0]);
    rest = rest.slice(found[0].length);
  }
  return [...statements.sort(), rest];
}

function sha256(lines) {
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

function packageOf(path) {
  return path
    .split('/')
    .slice(0, path.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Version by package, as package.json declares it. */
async function packageVersions(root) {
  return JSON.parse(await readFile(join(root, 'package.json'), 'utf8')).dependencies;
}

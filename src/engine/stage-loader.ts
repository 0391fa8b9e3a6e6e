/**
 * Loads stages by name from built modules. The engine imports none of them: a new file under stages/ is a new stage.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { installedBuild, readFingerprints } from '../base/installed-build.ts';
import { SwpError, type Failure } from '../base/failure.ts';
import { isAbsent } from '../base/file-failure.ts';
import { nearestName, quoted } from '../base/nearest-name.ts';
import type { StageDefinition } from './stage.ts';
import { loadStageFile, MANIFEST_SUFFIX } from './stage-module.ts';

export interface LoadedStage {
  definition: StageDefinition;
  /** SHA-256 of the stage's bundled code, as the build wrote it. */
  code: string;
  /** Versions of the packages in it, by name: for people, who cannot read a hash. */
  packages: Record<string, string>;
  /** Absolute path of the module or the manifest, for workers. */
  module: string;
  /** Absolute paths of the files on which `code` depends and that are not the build's. */
  files: string[];
  /** Stamps of these as they were when `code` was made; absent where that cannot change. */
  stamps?: ReadonlyMap<string, string>;
  /** What is wrong with it, so that none of its nodes can run. */
  failure?: Failure;
  /** Whether `files` still hold what `code` was made of; absent where that cannot change. */
  isUnchanged?(): boolean;
}

/** As the schema of manifests has it: a name leads nowhere else. */
const STAGE_NAME = /^[a-z][a-z0-9-]*$/;

export class StageLoader {
  readonly #modules: string;
  readonly #fingerprints: Record<string, string>;
  readonly #packages: Record<string, Record<string, string>>;
  readonly #broken: Record<string, string>;
  readonly #root: string | undefined;
  readonly #loaded = new Map<string, Promise<LoadedStage>>();
  /** Of the stages that were loaded: code that they run and that is in no key. */
  readonly warnings: Failure[] = [];

  /**
   * @param options.modules directory of `NAME.js` ES modules whose default export is a StageDefinition
   * @param options.fingerprints code fingerprint by stage name; it also says which stages there are
   * @param options.packages versions of packages by stage; none if absent
   * @param options.broken why stages do not build, by name; none if absent
   * @param options.root the project's root, if it may have programs as stages: stages/NAME.stage.json
   */
  constructor({
    modules,
    fingerprints,
    packages = {},
    broken = {},
    root,
  }: {
    modules: string;
    fingerprints: Record<string, string>;
    packages?: Record<string, Record<string, string>>;
    broken?: Record<string, string>;
    root?: string;
  }) {
    this.#broken = broken;
    this.#root = root;
    this.#modules = modules;
    this.#fingerprints = fingerprints;
    this.#packages = packages;
  }

  /** The stages of the build that this process runs from, and those of a project. */
  static installed(root?: string): StageLoader {
    const { stages, packages, broken } = readFingerprints();
    return new StageLoader({
      modules: join(installedBuild, 'stages'),
      fingerprints: stages,
      packages,
      broken,
      ...(root !== undefined && { root }),
    });
  }

  /** Absolute path of the project's root; the working folder where there is no project. */
  get root(): string {
    return this.#root ?? process.cwd();
  }

  /** Names of all stages, sorted. */
  names(): string[] {
    return [...Object.keys(this.#fingerprints), ...Object.keys(this.#broken), ...this.#programs()].sort();
  }

  /**
   * Loads a stage, once. Of one that cannot be loaded, or whose code cannot be read, `failure` says why.
   * @throws SwpError of kind `usage` for a name that is no stage, with the nearest name
   */
  load(name: string): Promise<LoadedStage> {
    const loaded = this.#loaded.get(name) ?? this.#loadOrExplain(name);
    this.#loaded.set(name, loaded);
    return loaded;
  }

  /** Absolute path of a stage's module. */
  modulePath(name: string): string {
    return this.#isProgram(name) ? this.#manifestPath(name) : join(this.#modules, `${name}.js`);
  }

  #manifestPath(name: string): string {
    return join(this.#root!, 'stages', `${name}${MANIFEST_SUFFIX}`);
  }

  /** Names of the stages that are programs of the project, as far as they can be listed. */
  #programs(): string[] {
    if (this.#root === undefined) return [];
    try {
      return readdirSync(join(this.#root, 'stages')).flatMap((file) =>
        file.endsWith(MANIFEST_SUFFIX) ? [file.slice(0, -MANIFEST_SUFFIX.length)].filter(isStageName) : [],
      );
    } catch {
      return []; // no such folder, or one that cannot be read: whoever needs a stage in it says so
    }
  }

  /** Where the folder cannot be read, a stage that is not swp's own may be there: reading its manifest says why not. */
  #isProgram(name: string): boolean {
    if (this.#root === undefined || !isStageName(name)) return false;
    try {
      lstatSync(this.#manifestPath(name));
      return true;
    } catch (error) {
      return !isAbsent(error) && !Object.hasOwn(this.#fingerprints, name);
    }
  }

  /** @throws SwpError of kind `usage` for a name that is no stage */
  async #loadOrExplain(name: string): Promise<LoadedStage> {
    const isProgram = this.#isProgram(name);
    if (!isProgram && ![this.#fingerprints, this.#broken].some((known) => Object.hasOwn(known, name)))
      throw new SwpError(this.#unknown(name));
    try {
      return await (isProgram ? this.#loadProgram(name) : this.#import(name));
    } catch (error) {
      const failure = error instanceof SwpError ? error.failure : unloadable(this.modulePath(name), error);
      const module = this.modulePath(name);
      return { definition: unknownStage(name), code: '', packages: {}, module, files: [module], failure };
    }
  }

  /** @throws SwpError if the manifest is none, or if there is a stage of this name already */
  async #loadProgram(name: string): Promise<LoadedStage> {
    const module = this.#manifestPath(name);
    if (Object.hasOwn(this.#fingerprints, name))
      throw new SwpError({
        kind: 'content',
        path: module,
        message: `There is a stage ${quoted(name)} in swp already`,
        remedy: 'Give yours another name, in the file, its name and pipeline.json.',
      });
    // Loaded only for a program: starting programs and checking manifests is slow to load.
    const [{ executableStage }, { readManifest }, { programCode }, { uncoveredCode }, { refuseReplacement }] =
      await Promise.all([
        import('./executable-stage.ts'),
        import('./stage-manifest.ts'),
        import('./program-code.ts'),
        import('./uncovered-code.ts'),
        import('./replacement.ts'),
      ]);
    const { manifest, source } = readManifest(module, name);
    if (manifest.replaces !== undefined) refuseReplacement(manifest, source, await this.#replaceable());
    const loaded = { definition: executableStage(this.#root!, manifest), packages: {}, module };
    try {
      const { fingerprint, names, stamps, isUnchanged } = programCode(this.#root!, module, manifest, source);
      this.warnings.push(...uncoveredCode(this.#root!, manifest, names, source));
      return { ...loaded, code: fingerprint, files: [...stamps.keys()], stamps, isUnchanged };
    } catch (error) {
      if (!(error instanceof SwpError)) throw error;
      return { ...loaded, code: '', files: [module], failure: error.failure };
    }
  }

  /** The stages in whose place another may stand. */
  async #replaceable(): Promise<StageDefinition[]> {
    const all = await Promise.all(Object.keys(this.#fingerprints).map((name) => this.load(name)));
    return all.map(({ definition }) => definition).filter(({ replaceable }) => replaceable !== undefined);
  }

  async #import(name: string): Promise<LoadedStage> {
    const module = this.modulePath(name);
    if (Object.hasOwn(this.#broken, name)) throw new Error(this.#broken[name]);
    const definition = await loadStageFile(module);
    if (definition?.name !== name || typeof definition.run !== 'function')
      throw new SwpError({
        kind: 'content',
        path: module,
        message: `The module's default export is no stage named ${quoted(name)}`,
        remedy: `End stages/${name}.ts with: export default defineStage({ name: '${name}', ... })`,
      });
    return { definition, code: this.#fingerprints[name]!, packages: this.#packages[name] ?? {}, module, files: [] };
  }

  #unknown(name: string) {
    const names = this.names();
    const suggestion = nearestName(name, names);
    return {
      kind: 'usage' as const,
      message: `There is no stage ${quoted(name)}.`,
      expected: isStageName(name)
        ? `one of ${names.join(', ')}`
        : "a name of small letters, digits and '-', beginning with a letter",
      ...(suggestion !== undefined && { suggestion }),
    };
  }
}

function isStageName(name: string): boolean {
  return STAGE_NAME.test(name);
}

/** A module that throws when it is imported, or that is no JavaScript. */
function unloadable(path: string, error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  return {
    kind: 'content',
    path,
    message: `The stage cannot be loaded: ${message.split('\n')[0]}`,
    remedy: 'Correct its code; the nodes of other stages do not need it.',
  };
}

function unknownStage(name: string): StageDefinition {
  const run = () => Promise.reject(new Error(`The stage ${name} could not be loaded.`));
  return { isUnknown: true, name, summary: '', params: {}, inputs: {}, outputs: {}, run };
}

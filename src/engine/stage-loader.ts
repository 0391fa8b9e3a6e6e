/**
 * Loads stages by name from built modules. The engine imports none of them; whoever adds a file under stages/ adds a
 * stage.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { distance } from 'fastest-levenshtein';
import { installedBuild, readFingerprints } from '../installed-build.ts';
import { SwpError } from './failure.ts';
import type { StageDefinition } from './stage.ts';

export interface LoadedStage {
  definition: StageDefinition;
  /** SHA-256 of the stage's bundled code, as the build wrote it. */
  code: string;
  /** Absolute path of the module, for workers. */
  module: string;
}

export class StageLoader {
  readonly #modules: string;
  readonly #fingerprints: Record<string, string>;
  readonly #loaded = new Map<string, Promise<LoadedStage>>();

  /**
   * @param options.modules directory of `NAME.js` ES modules whose default export is a StageDefinition
   * @param options.fingerprints code fingerprint by stage name; it also says which stages there are
   */
  constructor({ modules, fingerprints }: { modules: string; fingerprints: Record<string, string> }) {
    this.#modules = modules;
    this.#fingerprints = fingerprints;
  }

  /** The stages of the build that this process runs from. */
  static installed(): StageLoader {
    return new StageLoader({ modules: join(installedBuild, 'stages'), fingerprints: readFingerprints().stages });
  }

  /** Names of all stages, sorted. */
  names(): string[] {
    return Object.keys(this.#fingerprints).sort();
  }

  /**
   * Loads a stage, once.
   * @throws SwpError of kind `usage` for a name that is no stage, with the nearest name
   */
  load(name: string): Promise<LoadedStage> {
    const loaded = this.#loaded.get(name) ?? this.#import(name);
    this.#loaded.set(name, loaded);
    return loaded;
  }

  /** Absolute path of a stage's module. */
  modulePath(name: string): string {
    return join(this.#modules, `${name}.js`);
  }

  async #import(name: string): Promise<LoadedStage> {
    const code = Object.hasOwn(this.#fingerprints, name) ? this.#fingerprints[name] : undefined;
    if (code === undefined) throw new SwpError(this.#unknown(name));
    const module = this.modulePath(name);
    const { default: definition } = (await import(pathToFileURL(module).href)) as { default?: StageDefinition };
    if (definition?.name !== name || typeof definition.run !== 'function')
      throw new SwpError({
        kind: 'content',
        path: module,
        message: `The module's default export is no stage named "${name}"`,
        remedy: `End stages/${name}.ts with: export default defineStage({ name: '${name}', ... })`,
      });
    return { definition, code, module };
  }

  #unknown(name: string) {
    const names = this.names();
    const near = names.filter((candidate) => distance(candidate, name) <= Math.max(2, name.length / 3));
    const [suggestion] = near.sort((a, b) => distance(a, name) - distance(b, name));
    return {
      kind: 'usage' as const,
      message: `There is no stage "${name}".`,
      expected: `one of ${names.join(', ')}`,
      ...(suggestion !== undefined && { suggestion }),
    };
  }
}

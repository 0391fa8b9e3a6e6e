/** What the options of every command mean: which study, which size of it, which cache. Loads next to nothing. */
import { dirname, join, resolve } from 'node:path';
import { SwpError } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';
import { findStudyFile } from '../pipeline/find-study.ts';

/** Options that every command has. */
export interface ProjectOptions {
  pipeline?: string;
  profile?: string;
  cache?: string;
  json?: boolean;
  /** Of the commands that plan: the device of every stage that declares one. */
  device?: string;
  /** The same for engines. */
  engine?: string;
  /** What pipeline.json says: jobs of a cluster compute what was submitted, whatever it says by now. */
  declaration?: string;
}

export interface Location {
  /** Absolute path of pipeline.json. */
  path: string;
  /** Undefined for the study's default. */
  profile: string | undefined;
  /** Parameters given with the command. */
  overrides: JsonObject;
  /** Absolute path of the cache. */
  cache: string;
  /** What pipeline.json says, where that is not to be read. */
  declaration?: string;
}

/** @throws SwpError of kind `usage` if there is no study */
export function locate(options: ProjectOptions): Location {
  const path = findStudyFile(options.pipeline, process.cwd());
  return {
    path,
    profile: options.profile ?? environment('SWP_PROFILE'),
    overrides: overridesOf(options),
    cache: resolve(options.cache ?? environment('SWP_CACHE') ?? join(dirname(path), 'cache')),
    ...(options.declaration !== undefined && { declaration: options.declaration }),
  };
}

/** Parameters that options give to every stage that declares them. */
function overridesOf({ device, engine }: ProjectOptions): JsonObject {
  return { ...(device !== undefined && { device }), ...(engine !== undefined && { engine }) };
}

function environment(name: string): string | undefined {
  const value = process.env[name];
  return value === '' ? undefined : value;
}

/** Whether a command says which cache it means. */
export function namesCache({ cache }: ProjectOptions): boolean {
  return (cache ?? environment('SWP_CACHE')) !== undefined;
}

/** Where results are kept, or would be: without a study, beside one that would be made here. */
export function cacheFolder(options: ProjectOptions): string {
  const named = options.cache ?? environment('SWP_CACHE');
  if (named !== undefined) return resolve(named);
  try {
    return locate(options).cache;
  } catch (error) {
    if (options.pipeline !== undefined || !(error instanceof SwpError)) throw error;
    return resolve('cache');
  }
}

/** A stage from its file: a module whose default export it is, or the manifest of a program. */
import { basename, dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { StageDefinition } from './stage.ts';

export const MANIFEST_SUFFIX = '.stage.json';

/**
 * @param path absolute
 * @returns undefined for a module that has no such export
 * @throws SwpError of kind `study`, `several` or `file` for a manifest that is none
 */
export async function loadStageFile(path: string): Promise<StageDefinition | undefined> {
  if (!path.endsWith(MANIFEST_SUFFIX))
    return ((await import(pathToFileURL(path).href)) as { default?: StageDefinition }).default;
  // Loaded only for a program: starting programs and checking manifests is slow to load.
  const [{ executableStage }, { readManifest }] = await Promise.all([
    import('./executable-stage.ts'),
    import('./stage-manifest.ts'),
  ]);
  return executableStage(dirname(dirname(path)), readManifest(path, basename(path, MANIFEST_SUFFIX)).manifest);
}

/** Finds the study that a command means. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { SwpError } from '../base/failure.ts';

/**
 * The study file that a command means: the one named, or the pipeline.json here or in the nearest folder above.
 * @throws SwpError kind `usage` if there is none
 */
export function findStudyFile(named: string | undefined, from: string): string {
  if (named !== undefined) return resolve(from, named);
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, 'pipeline.json');
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) break;
  }
  throw new SwpError({
    kind: 'usage',
    message: 'There is no pipeline.json here or in a folder above.',
    expected:
      'a study: swp init FOLDER begins one; of one that is there, run swp in its folder, or name the file with --pipeline FILE',
  });
}

/** What the report's figures are drawn of, and where the report has drawn them. */
import { quoted } from '../base/nearest-name.ts';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SwpError } from '../base/failure.ts';
import { globMatcher } from '../base/glob.ts';
import type { StudyResults } from '../report/read-results.ts';
import { type Project } from './project.ts';
import { noResults, readLatestResults, reportFolder } from './study-report.ts';

/** The folder of the report's figures, and the files in it; none if the report was not rendered. */
export function figureFiles(project: Project): { folder: string; files: string[] } {
  const folder = join(reportFolder(project), 'figures');
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  return { folder, files: names.map((name) => join(folder, name)) };
}

/**
 * @param experiments names with globs, separated by commas; all if absent
 * @throws SwpError of kind `usage` before there are any results, or if no experiment is meant
 */
export async function resultsToDraw(project: Project, experiments: string | undefined): Promise<StudyResults> {
  const results = await readLatestResults(project);
  if (results === undefined) throw noResults(project);
  if (experiments === undefined) return results;
  const isMeant = globMatcher(experiments.split(','));
  const meant = results.experiments.filter(({ id }) => isMeant(id));
  if (meant.length === 0)
    throw new SwpError({
      kind: 'usage',
      message: `No experiment is ${quoted(experiments)}.`,
      expected: `some of ${results.experiments.map(({ id }) => id).join(', ')}`,
    });
  return { ...results, experiments: meant, runs: results.runs.filter(({ experiment }) => isMeant(experiment)) };
}

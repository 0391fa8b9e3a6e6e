/** The report of a bundle, rendered from its results and records alone. */
import type { Cache } from '../cache/cache.ts';
import { reportOrigin } from '../report/report-origin.ts';

/**
 * @param folder to write into
 * @param resultsPath of the results' artifact
 * @param cache whose records tell under which circumstances nodes ran; an unpacked bundle is one
 * @param figureFiles figures in files of their own, too
 * @throws SwpError if it cannot be written, or the file holds no results
 */
export async function renderBundledReport(
  folder: string,
  resultsPath: string,
  cache: Pick<Cache, 'record'>,
  figureFiles: boolean,
): Promise<void> {
  // Loaded only here, since Vega is slow to load; and what is loaded on demand has a file of its own in the build, by
  // which one renderer is told from another (renderer-stamp.ts).
  const { renderReport } = await import('../report/render-report.ts');
  await renderReport({ resultsPath, outDir: folder, figureFiles, origin: await reportOrigin(cache, resultsPath) });
}

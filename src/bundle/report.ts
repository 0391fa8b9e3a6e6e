/** The report of a bundle, rendered from its results and records alone. */
import type { Cache } from '../cache/cache.ts';

/**
 * @param folder to write into
 * @param resultsPath of the results' artifact
 * @param cache whose records tell under which circumstances nodes ran; an unpacked bundle is one
 * @throws SwpError if it cannot be written, or the file holds no results
 */
export async function renderBundledReport(
  folder: string,
  resultsPath: string,
  cache: Pick<Cache, 'record'>,
): Promise<void> {
  const [{ renderReport }, { reportOrigin }] = await Promise.all([
    import('../report/render-report.ts'),
    import('../report/report-origin.ts'),
  ]); // slow to load: vega
  await renderReport({ resultsPath, outDir: folder, origin: await reportOrigin(cache, resultsPath) });
}

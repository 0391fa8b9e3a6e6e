/** The report of a bundle, rendered from its results alone. */

/**
 * @param folder to write into
 * @param resultsPath of the results' artifact
 * @throws SwpError if it cannot be written, or the file holds no results
 */
export async function renderBundledReport(folder: string, resultsPath: string): Promise<void> {
  const { renderReport } = await import('../report/render-report.ts'); // slow to load: vega
  await renderReport({ resultsPath, outDir: folder });
}

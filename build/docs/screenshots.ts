/** Pictures of docs/images that a browser takes, and of what they were taken. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { chromium } from 'playwright-core';
import { packageRoot } from '../../src/base/package-root.ts';
import { madeHere, measured, writeMeasured } from './measured.ts';
import type { StudyPlace } from './studies.ts';

/** Files of docs/images. */
export const SCREENSHOTS = ['dag-page.png'];

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const SIZE = { width: 1400, height: 850 };

const PAGE_SOURCES = join(packageRoot, 'src/report/dag-page');

/** What is wrong with the screenshots, a line each: they show an earlier page, or an earlier pilot. */
export function staleScreenshots(): string[] {
  const { nodes, page } = measured('screenshots');
  const shown = nodes === measured('pilot').nodes && page === pageDigest();
  return shown ? [] : [`docs/images/${SCREENSHOTS[0]} shows what was: npm run docs -- screenshots`];
}

/** Of the code of the page that is shown. */
function pageDigest(): string {
  const files = readdirSync(PAGE_SOURCES, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 16);
}

/**
 * The pilot's DAG, folded by experiment and stage, with the states of the cache's nodes.
 * @throws Error where there is no Chromium: $CHROMIUM names one, otherwise it is looked for in the PATH
 */
export async function takeScreenshots({ cache }: StudyPlace): Promise<void> {
  const executablePath =
    process.env.CHROMIUM ??
    (process.env.PATH ?? '')
      .split(delimiter)
      .flatMap((folder) => NAMES.map((name) => join(folder, name)))
      .find(existsSync);
  if (executablePath === undefined) throw new Error('There is no Chromium in the PATH: CHROMIUM can name one.');
  const folder = mkdtempSync(join(tmpdir(), 'swp-docs-'));
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    const page = join(folder, 'dag.html');
    const place = [
      '--pipeline',
      join(packageRoot, 'pipeline.json'),
      ...(cache === undefined ? [] : ['--cache', cache]),
    ];
    await execa(process.execPath, [join(packageRoot, 'bin/swp.js'), 'dag', '--format', 'html', '-o', page, ...place]);
    const tab = await browser.newPage({ viewport: SIZE });
    await tab.goto(pathToFileURL(page).href);
    await tab.locator('.node').first().waitFor();
    await tab.getByRole('button', { name: 'Fit' }).click();
    await tab.screenshot({ path: join(packageRoot, 'docs/images/dag-page.png') });
    writeMeasured('screenshots', { made: madeHere(), nodes: measured('pilot').nodes, page: pageDigest() });
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

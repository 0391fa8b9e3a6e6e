/** Pictures of docs/images that a browser takes. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { chromium } from 'playwright-core';
import { packageRoot } from '../../src/base/package-root.ts';
import type { StudyPlace } from './studies.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const SIZE = { width: 1400, height: 850 };

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
    await tab.screenshot({ path: join(packageRoot, 'docs/images/dag-page.png') });
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

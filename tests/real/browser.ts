/** A headless Chromium. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { missing } from './requirements.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** $CHROMIUM names the program; otherwise it is looked for in the PATH. */
export async function openBrowser(): Promise<Browser> {
  const path =
    process.env.CHROMIUM ??
    (process.env.PATH ?? '')
      .split(delimiter)
      .flatMap((folder) => NAMES.map((name) => join(folder, name)))
      .find(existsSync);
  if (path === undefined) throw missing('There is no Chromium in the PATH.', 'Install it, or name one in CHROMIUM.');
  return chromium.launch({
    executablePath: path,
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
}

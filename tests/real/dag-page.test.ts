/** The page of the DAG, looked at in a browser. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';
import { openBrowser } from './browser.ts';

describe("the DAG's page", () => {
  let browser: Browser;
  let project: SwpProject;
  let url: string;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  const twoSeeds = () => {
    const study = tinyStudy();
    return { ...study, defaults: { ...study.defaults, seeds: [0, 1] } };
  };

  async function open(study: unknown = twoSeeds(), profile?: string): Promise<{ page: Page; trouble: string[] }> {
    project = await SwpProject.create(study);
    const args =
      profile === undefined
        ? []
        : ['--pipeline', join(packageRoot, 'pipeline.json'), '--profile', profile, '--cache', project.path('cache')];
    const result = await project.swp('dag', '--format', 'html', '-o', 'dag.html', ...args);
    expect([result.exitCode, result.stderr]).toEqual([
      0,
      profile === undefined ? '' : expect.stringContaining('note: There is no cache at'),
    ]);
    url = pathToFileURL(project.path('dag.html')).href;
    const page = await browser.newPage({ viewport: { width: 1200, height: 700 } });
    onTestFinished(() => page.close());
    const trouble: string[] = [];
    page.on('pageerror', (error) => trouble.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && trouble.push(message.text()));
    page.on('request', (request) => request.url() !== url && trouble.push(request.url()));
    await page.goto(url);
    return { page, trouble };
  }
  const boxes = (page: Page) => page.locator('.node').count();

  test('folds by experiment and stage, unfolds on a click, and folds again', async () => {
    const { page, trouble } = await open();
    const folded = await boxes(page);
    expect(folded).toBe(10);
    await page.locator('.node.group').first().click();
    expect(await boxes(page)).toBeGreaterThan(folded);
    await page.getByRole('button', { name: 'Unfold all' }).click();
    expect(await boxes(page)).toBe(20);
    await page.getByRole('button', { name: 'Fold all', exact: true }).click();
    expect(await boxes(page)).toBe(folded);
    await page.getByLabel('Fold by').selectOption('stage');
    expect(await boxes(page)).toBe(5);
    expect(trouble).toEqual([]);
  });

  test('finds nodes, shows their details, and follows what they are made of', async () => {
    const { page, trouble } = await open();
    await page.keyboard.press('/');
    await page.keyboard.type('prune fraction=0.2');
    expect(await page.locator('#found').textContent()).toBe('2 found');
    await page.keyboard.press('Enter');
    const details = page.getByLabel('Details');
    expect(await details.textContent()).toContain('missing: not computed yet');
    expect(await details.textContent()).toContain('fraction0.2');
    await details
      .getByRole('link', { name: /^train/ })
      .first()
      .click();
    expect(await details.locator('h2').textContent()).toBe('train, round 1');
    // What is called so comes before what has the word in a value, such as scheme=pretrained; selectors mean what
    // they mean elsewhere.
    for (const words of ['train seed=0', 'stage=train round=1']) {
      await page.getByLabel('Search nodes').fill(words);
      await page.getByLabel('Search nodes').press('Enter');
      expect(await details.locator('h2').textContent()).toBe('train, round 1');
    }
    await page.locator('svg').press('Escape');
    expect(await details.isHidden()).toBe(true);
    expect(trouble).toEqual([]);
  });

  test('is worked by keys alone; states can be hidden; both schemes are there', async () => {
    const { page, trouble } = await open();
    const before = await boxes(page);
    await page.locator('.node.group').first().focus();
    await page.keyboard.press('Enter');
    expect(await boxes(page)).toBeGreaterThan(before);
    const where = () => page.locator('svg > g').getAttribute('transform');
    const start = await where();
    await page.keyboard.press('+');
    await expect.poll(where, { timeout: 60_000 }).not.toBe(start);
    await page.locator('[data-state=missing]').click();
    expect(await boxes(page)).toBe(0);
    const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    await page.getByRole('button', { name: 'Light or dark' }).click();
    expect(await ground()).not.toBe(light);
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(trouble).toEqual([]);
  });

  test('draws the whole pilot, more than a thousand nodes, folded', async () => {
    const { page, trouble } = await open(tinyStudy(), 'pilot');
    expect(await page.locator('h1').textContent()).toMatch(/pilot, 1,\d{3} nodes/);
    expect(await boxes(page)).toBeLessThan(120);
    const [, scale] = /scale\(([\d.]+)\)/.exec((await page.locator('svg > g').getAttribute('transform'))!)!;
    expect(Number(scale)).toBeGreaterThan(0.45); // smaller, nobody can read it
    const height = (locator: string) => page.locator(locator).evaluate((one) => one.getBoundingClientRect().height);
    expect(await height('header')).toBeLessThan(2 * (await height('header button >> nth=0')));
    expect(trouble).toEqual([]);
  });
});

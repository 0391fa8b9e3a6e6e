/** The report's pages, looked at in a browser. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderReport } from '../../src/report/render-report.ts';
import { controlsResults } from '../report/controls-fixture.ts';
import { openBrowser } from './browser.ts';

const NAMES = [
  'index.html',
  '1-survival.html',
  '2-initialisation.html',
  '3-quality.html',
  '4-schedule.html',
  '5-budget.html',
  '6-variance.html',
];

describe("the report's pages", () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'swp-pages-'));
    const resultsPath = join(folder, 'made.json');
    await writeFile(resultsPath, JSON.stringify(await controlsResults()));
    await renderReport({ resultsPath, outDir: folder });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function onPage<Result>(
    name: string,
    look: (page: Page, trouble: string[]) => Promise<Result>,
    options: { width?: number; colorScheme?: 'light' | 'dark'; folded?: boolean; place?: string } = {},
  ): Promise<Result> {
    const page = await browser.newPage({
      viewport: { width: options.width ?? 1280, height: 900 },
      colorScheme: options.colorScheme ?? 'light',
    });
    const url = `${pathToFileURL(join(folder, name)).href}${options.place === undefined ? '' : `#${options.place}`}`;
    const trouble: string[] = [];
    page.on('pageerror', (error) => trouble.push(String(error)));
    page.on('console', (message) => trouble.push(message.text()));
    page.on('request', (request) => request.url() !== url.split('#')[0] && trouble.push(request.url()));
    try {
      await page.goto(url);
      if (options.folded !== true)
        await page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })");
      return await look(page, trouble);
    } finally {
      await page.close();
    }
  }

  test.each(NAMES)(
    '%s loads nothing else, says nothing to the console, and links only to what is there',
    async (name) => {
      await onPage(name, async (page, trouble) => {
        expect(trouble).toEqual([]);
        const links = await page
          .locator('a')
          .evaluateAll((anchors) => anchors.map((anchor) => (anchor as unknown as { href: string }).href));
        expect(links.length).toBeGreaterThan(10);
        const gone = links.filter((link) => !existsSync(fileURLToPath(link.split('#')[0]!)));
        expect(gone).toEqual([]);
      });
    },
  );

  test('every file of every figure is linked from some page', async () => {
    const linked = new Set<string>();
    for (const name of NAMES)
      await onPage(name, async (page) => {
        for (const link of await page
          .locator('.files a')
          .evaluateAll((anchors) => anchors.map((anchor) => anchor.getAttribute('href'))))
          linked.add(String(link));
      });
    expect([...linked].sort()).toEqual(
      (await readdir(join(folder, 'figures'))).map((file) => `figures/${file}`).sort(),
    );
  });

  test.each([390, 1000, 1400])('in a window of %i pixels nothing is cut but in frames that scroll', async (width) => {
    for (const name of NAMES) {
      const cut = await onPage(
        name,
        (page) =>
          page.evaluate(`[...document.querySelectorAll('body *')]
            .filter((each) => each.closest('.skip') === null && each.parentElement.closest('.scroll, .plot') === null)
            .filter((each) => {
              const { left, right } = each.getBoundingClientRect();
              return left < -1 || right > document.documentElement.clientWidth + 1;
            })
            .map((each) => each.outerHTML.slice(0, 80))`),
        { width },
      );
      expect(cut, name).toEqual([]);
    }
  });

  test('a window of 1,400 pixels shows whole tables of differences, and one of 390 none whose words are broken', async () => {
    const wide = await onPage(
      '6-variance.html',
      (page) =>
        page.evaluate(
          "[...document.querySelectorAll('.scroll')].filter((each) => each.scrollWidth > each.clientWidth).length",
        ),
      { width: 1400 },
    );
    expect(wide).toBe(0);
    for (const name of NAMES) {
      const broken = await onPage(
        name,
        (page) =>
          page.evaluate(`(() => {
            const range = document.createRange();
            const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT, (node) =>
              node.parentElement.closest('table') !== null && node.parentElement.closest('code') === null ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_SKIP);
            const broken = [];
            while (walker.nextNode())
              for (const { index, 0: word } of walker.currentNode.data.matchAll(/[\\w.]+/g)) {
                range.setStart(walker.currentNode, index);
                range.setEnd(walker.currentNode, index + word.length);
                if (range.getClientRects().length > 1) broken.push(word);
              }
            return broken;
          })()`),
        { width: 390 },
      );
      expect(broken, name).toEqual([]);
    }
  });

  test('a page opens with its sentence and its figure in the window, and is short until it is unfolded', async () => {
    for (const name of NAMES)
      await onPage(
        name,
        async (page) => {
          const { sentence, figure, height } = await page.evaluate<{
            sentence: number;
            figure: number;
            height: number;
          }>(
            `({
              sentence: document.querySelector('.answer').getBoundingClientRect().bottom,
              figure: document.querySelector('.plot').getBoundingClientRect().bottom,
              height: document.documentElement.scrollHeight,
            })`,
          );
          expect(sentence, name).toBeLessThan(400);
          expect(figure, name).toBeLessThanOrEqual(900);
          expect(height, name).toBeLessThan(2500);
        },
        { width: 1400, folded: true },
      );
  });

  test('a link to what is folded opens it, a key does, and printing shows all', async () => {
    const isOpen = "document.querySelector('#definitions').checkVisibility({ contentVisibilityAuto: true })";
    await onPage(
      'index.html',
      async (page) => {
        expect(await page.evaluate(isOpen)).toBe(false);
        await page.locator('.facts a[href="#definitions"]').click();
        expect(await page.evaluate(isOpen)).toBe(true);
      },
      { folded: true },
    );
    await onPage('index.html', async (page) => expect(await page.evaluate(isOpen)).toBe(true), {
      folded: true,
      place: 'definitions',
    });
    await onPage(
      'index.html',
      async (page) => {
        await page.locator('details:has(#definitions) > summary').focus();
        await page.keyboard.press('Enter');
        expect(await page.evaluate(isOpen)).toBe(true);
      },
      { folded: true },
    );
    for (const name of NAMES)
      await onPage(
        name,
        async (page) => {
          await page.emulateMedia({ media: 'print' });
          expect(
            await page.evaluate(
              "[...document.querySelectorAll('details > :not(summary)')].filter((each) => each.getBoundingClientRect().height < 10 || !each.checkVisibility({ contentVisibilityAuto: true })).length",
            ),
            name,
          ).toBe(0);
        },
        { folded: true },
      );
  });

  test('no text in a picture runs out of it, and none is smaller than can be read', async () => {
    for (const name of NAMES) {
      const trouble = await onPage(name, (page) =>
        page.evaluate(`[...document.querySelectorAll('.plot svg')].flatMap((svg) => {
          const frame = svg.getBoundingClientRect();
          return [...svg.querySelectorAll('text')].filter((text) => text.textContent.trim() !== '').flatMap((text) => {
            const box = text.getBoundingClientRect();
            const out = box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
            return out || box.height < 7.5 ? [text.textContent] : [];
          });
        })`),
      );
      expect(trouble, name).toEqual([]);
    }
  });

  test('dark mode leaves no dark text on dark ground', async () => {
    for (const name of NAMES) {
      const dim = await onPage(
        name,
        (page) =>
          page.evaluate(`(() => {
            const light = (colour) => { const [r, g, b] = colour.match(/[\\d.]+/g).map(Number); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
            const drawn = [...document.querySelectorAll('.plot svg text')].map((text) => getComputedStyle(text).fill);
            const written = [...document.querySelectorAll('h1, h2, h3, p, td, th, dt, dd, li, figcaption, caption, a, summary, .holds')].map((text) => getComputedStyle(text).color);
            return [light(getComputedStyle(document.body).backgroundColor) < 60, [...drawn, ...written].filter((colour) => light(colour) < 90)];
          })()`),
        { colorScheme: 'dark' },
      );
      expect(dim, name).toEqual([true, []]);
    }
  });

  test('headings go down one step at a time, tables and pictures have names, lists of pages say where one is', async () => {
    for (const name of NAMES)
      await onPage(name, async (page) => {
        const levels = await page
          .locator('h1, h2, h3, h4')
          .evaluateAll((headings) => headings.map(({ tagName }) => Number(tagName.slice(1))));
        expect(levels[0]).toBe(1);
        for (const [i, level] of levels.entries())
          if (i > 0) expect(level - levels[i - 1]!, `${name}: heading ${i}`).toBeLessThanOrEqual(1);
        expect(levels.filter((level) => level === 1)).toHaveLength(1);
        expect(
          await page.evaluate(
            "document.querySelectorAll('table').length - document.querySelectorAll('table > caption').length",
          ),
        ).toBe(0);
        expect(
          await page.evaluate(
            "[...document.querySelectorAll('svg')].filter((svg) => svg.getAttribute('role') !== 'img' || !document.getElementById(svg.getAttribute('aria-labelledby'))?.textContent).length",
          ),
        ).toBe(0);
        expect(
          await page.evaluate(
            "[...document.querySelectorAll('[id]')].length - new Set([...document.querySelectorAll('[id]')].map(({ id }) => id)).size",
          ),
        ).toBe(0);
        expect(await page.locator('nav.bar [aria-current=page]').count()).toBe(1);
        expect(await page.locator('html').getAttribute('lang')).toBe('en');
      });
  });

  test('one gets from the overview to every question by its card, and from each to the next', async () => {
    await onPage('index.html', async (page) => {
      for (const [i, name] of NAMES.slice(1).entries()) {
        await page.locator('.cards li').nth(i).click();
        expect(new URL(page.url()).pathname.endsWith(name), name).toBe(true);
        await page.goBack();
      }
      await page.locator('.cards h3 a').first().focus();
      await page.keyboard.press('Enter');
      for (const name of [...NAMES.slice(2), 'index.html']) {
        await page.locator('.turn a').last().click();
        expect(new URL(page.url()).pathname.endsWith(name), name).toBe(true);
      }
    });
  });
});

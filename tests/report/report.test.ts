/** The report's pages and figures, rendered from the made-up study with its controls. */
import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { darkChartRules } from '../../src/report/theme.ts';
import detectSchema from '../../schemas/stages/detect-sw.schema.json' with { type: 'json' };
import { escaped } from '../../src/report/page/html.ts';
import { controlsResults } from './controls-fixture.ts';
import { render, text } from './rendering.ts';

describe('the report of a study with its controls', () => {
  let report: Awaited<ReturnType<typeof render>>;
  let pages: Map<string, string>;
  beforeAll(async () => {
    report = await render(await controlsResults());
    const names = report.files.filter((file) => file.endsWith('.html')).map((file) => basename(file));
    pages = new Map(
      await Promise.all(names.map(async (name) => [name, await readFile(join(report.outDir, name), 'utf8')] as const)),
    );
  });
  const questions = () => [...pages].filter(([name]) => name !== 'index.html');

  it('writes an overview, a page for each question, every plot in four formats, the runs and the results', async () => {
    expect((await readdir(report.outDir)).sort()).toEqual(
      [
        'figures',
        'index.html',
        'results.json',
        'runs.csv',
        '1-survival.html',
        '2-initialisation.html',
        '3-quality.html',
        '4-schedule.html',
        '5-budget.html',
        '6-variance.html',
      ].sort(),
    );
    const figures = await readdir(join(report.outDir, 'figures'));
    const plots = [...new Set(figures.map((file) => file.replace(/\.[a-z]+$/, '')))];
    expect(figures.sort()).toEqual(
      plots.flatMap((plot) => ['csv', 'json', 'png', 'svg'].map((kind) => `${plot}.${kind}`)).sort(),
    );
    for (const plot of [
      '0-at-a-glance',
      '1a-survival',
      '2a-effect',
      '3a-cost',
      '4a-differences',
      '5a-budget',
      '6a-spread',
      '6b-all-differences',
    ])
      expect(plots).toContain(plot);
    expect(report.files).toHaveLength(figures.length + 9);
  });

  it('is self-contained: no script, and no address but those of its own files and places', () => {
    for (const [name, page] of pages) {
      expect(page, name).not.toMatch(/<script|\ssrc=|@import|url\(/i);
      for (const [, link] of page.matchAll(/href="([^"]+)"/g)) {
        const [file, place] = link!.split('#');
        if (file !== '') expect(report.files, `${name}: ${link}`).toContain(join(report.outDir, file!));
        if (place !== undefined)
          expect(pages.get(file === '' ? name : file!), `${name}: ${link}`).toContain(`id="${place}"`);
      }
    }
  });

  it('opens every page with one sentence that answers its question and one figure; the rest is folded', () => {
    for (const [name, page] of pages) {
      const places = ['<h1', 'class="finding answer"', '<main', '<svg', '<figcaption', '<details'].map((mark) =>
        page.indexOf(mark),
      );
      expect(places, name).toEqual([...places].sort((a, b) => a - b));
      expect(Math.min(...places), name).toBeGreaterThan(0);
      const opened = page.slice(0, page.indexOf('<details'));
      expect(opened.match(/<svg/g), name).toHaveLength(1);
      expect(opened.match(/class="finding/g), name).toHaveLength(1);
      expect(page.slice(page.indexOf('class="folds"')), name).not.toMatch(/<\/details>\s*<(?:section|figure|table|p)/);
    }
    for (const [name, page] of questions())
      for (const term of ['Unit of replication', 'Seeds', 'Families of tests', 'Made on', 'SHA-256'])
        expect(text(page), name).toContain(term);
  });

  it('says of every fold what is in it, with counts, and gives it a place to link to', () => {
    for (const [name, page] of pages) {
      const folds = [
        ...page.matchAll(
          /<details class="fold"[^>]*>\s*<summary>(.*?)<\/summary>\s*<div class="inside" id="([^"]+)">/gs,
        ),
      ];
      expect(folds.length, name).toBeGreaterThanOrEqual(3);
      expect(folds, name).toHaveLength(page.match(/<details class="fold"/g)!.length);
      for (const [, summary] of folds) expect(summary, name).toMatch(/<h2>.+<\/h2>\s*<span class="holds">.+<\/span>/s);
      expect(new Set(folds.map(([, , id]) => id)).size, name).toBe(folds.length);
    }
    expect(text(pages.get('1-survival.html')!)).toMatch(/run by run 3 figures, 1 table of \d+ rows/);
    expect(text(pages.get('index.html')!)).toMatch(/All runs at their end 69 runs, \d+ missing artifacts/);
  });

  it('frames every table so that it scrolls alone, and keeps values whole', () => {
    for (const [name, page] of pages) {
      expect(page.match(/<table>/g)!.length, name).toBe(
        page.match(/<div class="scroll" tabindex="0" role="group" aria-label="[^"]+">\s*<table>/g)!.length,
      );
    }
    const page = pages.get('index.html')!;
    expect(page).toMatch(/<span class="token">\[?0\.05, 0\.1, 0\.15/);
    expect(text(page)).toContain('The same in all: ');
  });

  it('states n and the unit in every caption, and the scaling of steps once a page and in every figure’s file', async () => {
    const captions = [...pages.values()].flatMap((page) =>
      [...page.matchAll(/<figcaption>(.*?)<\/figcaption>/gs)].map(([, caption]) => text(caption!)),
    );
    expect(captions.length).toBeGreaterThan(20);
    for (const caption of captions) {
      expect(caption).toMatch(/\d+ (distinct )?(runs?|pairs?|seeds?|pretrained models?)\b/);
      expect(caption).toMatch(/unit of replication|the unit is|a run counts once|no independent replicates/);
    }
    const scaling = 'Profile pilot: steps are 1/50 of the declared ones in 17 experiments; as declared in C1.';
    for (const [name, page] of pages) {
      const [opening] = /<figcaption>(.*?)<\/figcaption>/s.exec(page)!;
      expect(opening, name).toContain(scaling);
      expect(page.split(scaling), name).toHaveLength(3); // and among how the page was made
    }
    for (const file of report.files.filter((each) => /figures\/.*\.json$/.test(each)))
      expect((JSON.parse(await readFile(file, 'utf8')) as { caption: string }).caption, file).toContain(scaling);
  });

  it('gives every picture an alternative text of its own, every table a caption, every heading its place', () => {
    for (const [name, page] of pages) {
      const pictures = [
        ...page.matchAll(/<svg[^>]*role="img" aria-labelledby="([^"]+)"><title id="([^"]+)">([^<]+)<\/title>/g),
      ];
      expect(pictures.length, name).toBe(page.match(/<svg/g)?.length ?? 0);
      for (const [, label, id, alt] of pictures) {
        expect(label).toBe(id);
        expect(alt!.length, alt).toBeGreaterThan(50);
      }
      expect(page.match(/<table>/g)?.length, name).toBe(page.match(/<caption>/g)?.length);
      expect(page.match(/<h1/g), name).toHaveLength(1);
    }
  });

  it('re-colours everything that is drawn in dark mode', () => {
    const drawn = [...pages.values()].flatMap((page) =>
      [...page.matchAll(/(?:fill|stroke)="(#[0-9a-f]{3,6})"/gi)].map(([, colour]) => colour!),
    );
    const colours = new Set(drawn);
    expect(colours.size).toBeGreaterThan(8);
    expect([...colours].filter((colour) => !darkChartRules().includes(`[fill="${colour}"]`))).toEqual([]);
  });

  it('opens with a paragraph made from the numbers, says how far they reach, and answers each question on a card', () => {
    const page = text(report.page);
    expect(page).toContain('In 6 of 6 pretrained models zeroing one multiplies perplexity by 4.6 to 9.9,');
    expect(page).toContain(
      'In re-initialised models one had emerged after the first training in 2 of 3 models of C1 (xavier after 3,500 steps) and 0 of 3 models of E1 (kaiming after 200 steps) (spike ratio 4); at the end it was kept in 2 of 2',
    );
    expect(page).toContain('Of the arms that a criterion prunes, the sparsest, ladder, ends at 96.5 % sparsity');
    expect(page).toContain(
      'how often they do is no finding. The 6 pretrained arms that a criterion prunes start from 6 checkpoints in all, so they are not independent of each other. With at most 6 distinct runs per experiment, even 6 of 6 is compatible with a rate of 54 %. Incomplete, and therefore short of figures: D1 seed 2.',
    );
    expect(page).toContain('68 of 69 runs complete');
    const cards = [...report.page.matchAll(/<p class="answer">(.*?)<\/p>/gs)].map(([, answer]) => text(answer!));
    expect(cards).toHaveLength(6);
    for (const answer of cards) expect(answer).toMatch(/\d/);
    expect(page).toContain('4 tests: 1 significant, 1 not significant, 2 that never acted');
  });

  it('says of a test that cannot be significant that it cannot, with its n and the smallest attainable p', () => {
    const budget = text(pages.get('5-budget.html')!);
    expect(budget).toMatch(
      /B1 ends [\d.]+ nats lower than A1 \[.*?\] \(n = 3 pairs\); it cannot be called significant with n = 3: the smallest attainable p is \.25\./,
    );
    const quality = text(pages.get('3-quality.html')!);
    expect(quality).toMatch(
      /G1-random ends [\d.]+ nats higher than G1 \[.*?\] \(n = 6 pairs\); significant \(p = \.031\)/,
    );
    expect(quality).toMatch(/G1-protect − G1 protection: varies prune\.protect \+0\.0000 .*? never acted/);
    const survival = text(pages.get('1-survival.html')!);
    expect(survival).toContain(
      'G1-random against G1: kept 0/6 against 6/6, still matters 0/6 against 6/6 and found again in place 0/6 against 6/6; it cannot be called significant with n = 6: the smallest attainable p is .031 (.16 after Holm over 5 tests).',
    );
  });

  it('never says that something is significant of which the verdict is not', () => {
    const findings = [...pages.values()].flatMap((page) =>
      [...page.matchAll(/<p class="finding">(.*?)<\/p>/gs)].map(([, finding]) => text(finding!)),
    );
    // G1-random against G1, declared as primary
    expect(findings.filter((finding) => /; significant \(/.test(finding))).toHaveLength(1);
    const cells = [...pages.values()].flatMap((page) => page.match(/<td>significant<\/td>/g) ?? []);
    expect(cells).toHaveLength(2); // the same, on the pages of quality and of all comparisons
  });

  it('lists missing pieces, and shows what does not apply as such, never as 0 or 100 %', () => {
    const page = text(report.page);
    expect(page).toContain('D1/s2/r3/prune pruning');
    expect(page).toContain('D1 seed 2 incomplete –');
    expect(page).toMatch(/E1 seed 0 complete 41\.0 % [\d.]+ [\d.]+ % none emerged n\/a n\/a n\/a/);
    expect(text(pages.get('4-schedule.html')!)).toContain('missing: D1 seed 2');
    expect(text(pages.get('1-survival.html')!).includes('because none emerged that could survive: E1.')).toBe(true);
  });

  it('defines a super weight in every report with its candidates, test, controls and thresholds, and the reasons of the schema', () => {
    const page = text(report.page);
    expect(page).toContain(
      'must raise the loss by at least 0.1 nats per token and by at least 5 times as much as zeroing the worst of its matched controls (4 each:',
    );
    expect(page).toContain("64 4 of large models Sequences of the stream 'detect-causal'");
    expect(page).toContain('A round prunes 0.1 (A1, B1, C1, E1, A1-later)');
    for (const name of [
      'spikeRatio',
      'minimumEffect',
      'controlFactor',
      'controlsPerKind',
      'maximumTwins',
      'rescans',
      'candidateSequences',
      'causalSequences',
    ]) {
      const { description } = (detectSchema.properties as Record<string, { description: string }>)[name]!;
      expect(page).toContain(`detect-sw.${name}`);
      expect(report.page).toContain(escaped(description).replaceAll(' %', '\u00a0%'));
    }
    for (const page of pages.values()) expect(text(page)).not.toMatch(/undefined|NaN|\[object|\bnull\b|Infinity/);
  });

  it('draws text in PNG without any font of the machine', async () => {
    const png = await readFile(join(report.outDir, 'figures/0-at-a-glance.png'));
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(png.readUInt32BE(16)).toBeGreaterThan(1500);
    const svg = await readFile(join(report.outDir, 'figures/0-at-a-glance.svg'), 'utf8');
    expect(svg).toContain('fill="#ffffff"/>');
    expect(svg).toContain('down_proj [46, 94] = −4.15');
    expect(svg).toContain('sans-serif');
  });

  it('puts the rows of each figure and of all runs into CSV', async () => {
    const runs = (await readFile(join(report.outDir, 'runs.csv'), 'utf8')).split('\r\n');
    expect(runs[0]).toMatch(/^experiment,seed,computation,status,missing,sparsity,loss,/);
    expect(runs).toHaveLength(1 + 69 + 1);
    const data = async (plot: string) =>
      (
        JSON.parse(await readFile(join(report.outDir, `figures/${plot}.json`), 'utf8')) as {
          rows: Record<string, unknown>[];
        }
      ).rows;
    const ranks = await data('1b-rank');
    expect(ranks.length).toBeGreaterThan(200);
    expect(ranks.every(({ rank, key }) => Number(rank) >= 1 && /^[0-9a-f]{64}$/.test(String(key)))).toBe(true);
    const forest = await data('6b-all-differences');
    expect(forest.filter(({ arm, comparison }) => arm === 'G1-random' && comparison === 'which')).toHaveLength(6);
    expect(forest.find(({ arm, comparison }) => arm === 'G1-random' && comparison === 'which')).toMatchObject({
      verdict: 'significant',
      n: 6,
      smallestP: 0.03125,
    });
  });

  it('hands the numbers and the answers on for scripts', () => {
    expect(report.highlights).toMatchObject({
      runs: { total: 69, complete: 68, incomplete: 1 },
      experiments: { E1: { survival: null }, A1: { survival: { kept: { k: 3, n: 3 } } } },
    });
    expect(Object.keys(report.highlights['questions'] as object)).toEqual([
      'survival',
      'initialisation',
      'quality',
      'schedule',
      'budget',
      'variance',
    ]);
  });
});

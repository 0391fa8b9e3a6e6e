import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SwpError } from '../../src/engine/failure.ts';
import type { Results } from '../../src/generated/results.ts';
import { csv } from '../../src/report/csv.ts';
import { textWidth } from '../../src/report/font.ts';
import { renderReport, type RenderedReport } from '../../src/report/render-report.ts';
import { darkChartRules } from '../../src/report/theme.ts';
import { studyResults } from '../../src/science/results/study-results.ts';
import type { Piece, StudyPieces } from '../../src/science/results/study-pieces.ts';
import { fixturePieces, fixtureStudy } from './study-fixture.ts';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'swp-report-'))));
afterAll(() => rm(folder, { recursive: true }));

let renders = 0;
async function render(results: Results): Promise<RenderedReport & { page: string; outDir: string }> {
  const resultsPath = join(folder, `results-${++renders}.json`);
  const outDir = join(folder, `report-${renders}`);
  await writeFile(resultsPath, JSON.stringify(results));
  const report = await renderReport({ resultsPath, outDir });
  return { ...report, page: await readFile(report.html, 'utf8'), outDir };
}

/** A study of a few of the fixture's experiments. */
function part(ids: string[], change: (pieces: StudyPieces) => StudyPieces = (pieces) => pieces): Results {
  const study = fixtureStudy();
  study.experiments = study.experiments.filter(({ id }) => ids.includes(id));
  study.comparisons = [];
  const own = <Content>(pieces: Piece<Content>[]) => pieces.filter(({ label }) => ids.includes(label.experiment));
  const { curves, prunings, evaluations, superWeights } = fixturePieces();
  return studyResults(
    study,
    change({ curves: own(curves), prunings: own(prunings), evaluations: own(evaluations), superWeights: own(superWeights) }),
  );
}

const text = (page: string) => page.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

describe('the report of the whole fixture', () => {
  let report: Awaited<ReturnType<typeof render>>;
  beforeAll(async () => (report = await render(studyResults(fixtureStudy(), fixturePieces()))));

  it('writes the page, every plot in four formats, the runs and the results', async () => {
    const plots = [
      '1-at-a-glance',
      '2a-sparsity-perplexity',
      '2b-loss-above-floor',
      '3a-rank',
      '3b-effect',
      '3c-survival',
      '4-loss-curves',
    ];
    const expected = plots.flatMap((plot) => ['csv', 'json', 'png', 'svg'].map((kind) => `${plot}.${kind}`));
    expect((await readdir(join(report.outDir, 'figures'))).sort()).toEqual(expected.sort());
    expect((await readdir(report.outDir)).sort()).toEqual(['figures', 'index.html', 'results.json', 'runs.csv']);
    expect(report.files).toHaveLength(31);
  });

  it('is one self-contained page: no script, and no address but those of its own files', () => {
    expect(report.page).not.toMatch(/<script|\ssrc=|@import|url\(/i);
    const links = [...report.page.matchAll(/href="([^"]+)"/g)].map(([, link]) => join(report.outDir, link!));
    expect(links.length).toBeGreaterThan(24);
    expect(links.filter((link) => !report.files.includes(link))).toEqual([]);
  });

  it('shows its figures, tables and definitions in order, each with a heading and a caption', () => {
    const headings = [...report.page.matchAll(/<h2[^>]*>(.*?)<\/h2>/g)].map(([, heading]) => text(heading!).trim());
    expect(headings).toEqual([
      '1. A super weight at a glance',
      '2. Sparsity and validation perplexity',
      '3. Survival and magnitude rank of the super weights',
      '4. Loss curves',
      '5. Experiments and runs',
      '6. How each number was defined',
    ]);
    const captions = [...report.page.matchAll(/<figcaption>(.*?)<\/figcaption>/gs)].map(([, caption]) => caption);
    expect(captions).toHaveLength(4);
    for (const caption of captions)
      expect(caption).toContain('steps are 1/50 of the declared ones in 8 experiments; as declared in C1.');
    expect(report.page.match(/<table>/g)!.length).toBe(report.page.match(/<caption>/g)!.length);
  });

  it('states n, the unit and the scaling of steps in every caption', () => {
    const captions = [...report.page.matchAll(/<figcaption>(.*?)<\/figcaption>/gs)].map(([, caption]) => caption!);
    expect(captions).toHaveLength(4);
    for (const caption of captions) {
      expect(caption).toMatch(/\d+ (runs?|pretrained models?)\b/);
      expect(caption).toMatch(/unit of replication|the unit is|a run counts once/);
      expect(caption).toContain('Profile pilot: steps are 1/50 of the declared ones in 8 experiments; as declared in C1.');
    }
  });

  it('gives every picture an alternative text that assistive technology finds', () => {
    const pictures = [
      ...report.page.matchAll(/<svg[^>]*role="img" aria-labelledby="([^"]+)"><title id="([^"]+)">([^<]+)<\/title>/g),
    ];
    expect(pictures).toHaveLength(7);
    for (const [, label, id, alt] of pictures) {
      expect(label).toBe(id);
      expect(alt!.length).toBeGreaterThan(60);
    }
  });

  it('re-colours everything that is drawn in dark mode', () => {
    const colours = new Set([...report.page.matchAll(/(?:fill|stroke)="(#[0-9a-f]{3,6})"/gi)].map(([, colour]) => colour!));
    expect(colours.size).toBeGreaterThan(8);
    expect([...colours].filter((colour) => !darkChartRules().includes(`[fill="${colour}"]`))).toEqual([]);
  });

  it('opens with a paragraph made from the numbers, and says how far they reach', () => {
    const page = text(report.page);
    expect(page).toContain('In 3 of 3 pretrained models here, zeroing one weight multiplies perplexity by 4.6 to 9.9;');
    expect(page).toContain(
      '(4 pretrained arms, 11 finished runs that hold one), it was kept in 11, removing it still hurt in 10',
    );
    expect(page).toContain('In re-initialised models one had emerged after the first training in 2 of 3 runs of C1 (3,500 steps) and 0 of 3 runs of E1 (200 steps); at the end it was kept in 2 of 2');
    expect(page).toContain('The sparsest arm, ladder, ends at 96.5 % sparsity');
    expect(page).toContain(
      'The built-in checkpoints come from a recipe that was chosen because super weights emerge under it: how often they do is no finding. Pretrained arms start from the same 3 checkpoints, so they are not independent of each other. With at most 3 runs per experiment, even 3 of 3 is compatible with a rate of 29 %. Incomplete, and therefore short of figures: D1 seed 2.',
    );
    expect(page).toContain('26 of 27 runs complete');
  });

  it('lists missing pieces, and shows what does not apply as such, never as 0 or 100 %', () => {
    const page = text(report.page);
    expect(page).toContain('D1/s2/r3/prune pruning');
    expect(page).toContain('D1 seed 2 incomplete –');
    expect(page).toMatch(/E1 kaiming · 5 × 10 % · 200 steps 3\/3 41\.0 % [^A-Z]*? none emerged none emerged none emerged/);
    expect(page).toMatch(/E1 seed 0 complete 41\.0 % [\d.]+ [\d.]+ % none emerged n\/a n\/a n\/a/);
    expect(page).toContain('not applicable: none emerged');
  });

  it('defines each number with the values of this study', () => {
    const page = text(report.page);
    expect(page).toContain(
      'must raise the loss by at least 0.1 nats per token and by at least 5 times as much as zeroing the worst of its matched controls (4 each:',
    );
    expect(page).toContain(
      'A round prunes 0.1 (A1, B1, C1, E1), 0.05/0.1/0.15/0.2 (D1), 0.2 (ladder), 0 (unpruned, forced) and 0.9 (at-once) of the remaining weights',
    );
    expect(page).not.toContain('(not stated)');
    expect(page).not.toMatch(/undefined|NaN|\[object|null/);
  });

  it('draws text in PNG without any font of the machine', async () => {
    const png = await readFile(join(report.outDir, 'figures/1-at-a-glance.png'));
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(png.readUInt32BE(16)).toBeGreaterThan(1500);
    const svg = await readFile(join(report.outDir, 'figures/1-at-a-glance.svg'), 'utf8');
    expect(svg).toContain('fill="#ffffff"/>');
    expect(svg).toContain('layer 0 down_proj [45, 94] = −4.15');
    expect(svg).toContain('sans-serif');
  });

  it('puts the rows of each figure and of all runs into CSV', async () => {
    const runs = (await readFile(join(report.outDir, 'runs.csv'), 'utf8')).split('\r\n');
    expect(runs[0]).toMatch(/^experiment,seed,status,missing,sparsity,loss,/);
    expect(runs).toHaveLength(1 + 27 + 1);
    const ranks = JSON.parse(await readFile(join(report.outDir, 'figures/3a-rank.json'), 'utf8')) as {
      rows: { rank: number; key: string }[];
    };
    expect(ranks.rows.length).toBeGreaterThan(200);
    expect(ranks.rows.every(({ rank, key }) => rank >= 1 && /^[0-9a-f]{64}$/.test(key))).toBe(true);
  });

  it('hands the numbers on for scripts', () => {
    expect(report.highlights).toMatchObject({
      runs: { total: 27, complete: 26, incomplete: 1 },
      experiments: { E1: { survival: null }, A1: { survival: { kept: { k: 3, n: 3 } } } },
    });
  });
});

describe('a report', () => {
  it('has equal bytes for equal results', async () => {
    const [first, second] = [await render(part(['A1', 'E1'])), await render(part(['A1', 'E1']))];
    expect(first.files).toHaveLength(31);
    for (const [i, file] of first.files.entries())
      expect((await readFile(file)).equals(await readFile(second.files[i]!)), file).toBe(true);
  });

  it('is whole even if not a single node left a result', async () => {
    const gone = <Content>(pieces: Piece<Content>[]) => pieces.map((piece) => ({ ...piece, content: undefined }));
    const { page, files } = await render(
      part(['A1', 'C1'], ({ curves, prunings, evaluations, superWeights }) => ({
        curves: gone(curves),
        prunings: gone(prunings),
        evaluations: gone(evaluations),
        superWeights: gone(superWeights),
      })),
    );
    expect(text(page)).toContain('0 of 6 runs complete');
    expect(text(page)).toContain('210 missing artifacts by place and key');
    expect(text(page)).not.toMatch(/NaN|Infinity|undefined|none emerged 0/);
    expect(text(page)).toContain('2. Sparsity and validation perplexity Nothing to draw: no evaluation left a result.');
    expect(text(page)).toContain('6. How each number was defined');
    expect(files.filter((file) => file.endsWith('.svg')).map((file) => basename(file))).toEqual(['3c-survival.svg']);
  });

  it('does without a floor, a control, several seeds or anything that emerged', async () => {
    const study = fixtureStudy();
    study.experiments = study.experiments.filter(({ id }) => id === 'E1').map((experiment) => ({ ...experiment, seeds: [0] }));
    study.comparisons = [];
    const pieces = fixturePieces();
    const own = <Content>(all: Piece<Content>[]) => all.filter(({ label }) => label.experiment === 'E1' && label.seed === 0);
    const evaluations = own(pieces.evaluations).map((piece) => ({ ...piece, content: { ...piece.content!, floor: null } }));
    const { page } = await render(
      studyResults(study, {
        curves: own(pieces.curves),
        prunings: own(pieces.prunings),
        evaluations,
        superWeights: own(pieces.superWeights),
      }),
    );
    expect(text(page)).toContain('in 0 of 1 run of E1 (200 steps); survival does not apply there.');
    expect(text(page)).toContain('Unknown for this corpus');
    expect(text(page)).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('shows names as text, whatever they are', async () => {
    const results = part(['A1']);
    const hostile = '<img src=x onerror=alert(1)>';
    const renamed = JSON.parse(JSON.stringify(results).replaceAll('"A1"', JSON.stringify(hostile))) as Results;
    const { page } = await render(renamed);
    expect(page).not.toContain('<img');
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;');
  });

  it('says what is wrong with its input or its folder', async () => {
    const failure = (resultsPath: string, outDir: string) =>
      renderReport({ resultsPath, outDir }).then(
        () => undefined,
        (error: unknown) => (error as SwpError).failure,
      );
    const nowhere = join(folder, 'nowhere.json');
    expect(await failure(nowhere, folder)).toEqual({
      kind: 'file',
      path: nowhere,
      operation: 'read',
      code: 'ENOENT',
      remedy: 'Run swp repro, which makes it anew.',
    });
    const other = join(folder, 'other.json');
    for (const content of ['{"version":1}', '{"version":', 'null']) {
      await writeFile(other, content);
      expect(await failure(other, folder)).toEqual({
        kind: 'content',
        path: other,
        message: 'This is not the results of a study, version 2.',
        remedy: 'Run swp repro, which makes it anew.',
      });
    }
    const good = join(folder, 'good.json');
    await writeFile(good, JSON.stringify(part(['E1'])));
    expect(await failure(good, join(other, 'report'))).toMatchObject({ kind: 'file', operation: 'write', code: 'ENOTDIR' });
  });
});

describe('its parts', () => {
  it('quote CSV cells only where they must', () => {
    expect(
      csv([
        { a: 1, b: 'x' },
        { a: null, b: 'say "no", twice\n', c: true },
      ]),
    ).toBe('a,b,c\r\n1,x,\r\n,"say ""no"", twice\n",true\r\n');
  });

  it('measure text by the advance widths of DejaVu Sans', () => {
    // From the font's hmtx table: M has 1767, i 569 and the space 651 of 2048 units.
    expect(textWidth('M i', 2048)).toBe(1767 + 651 + 569);
    expect(textWidth('M', 10, true)).toBeGreaterThan(textWidth('M', 10));
    expect(textWidth('', 10)).toBe(0);
  });
});

/** Reports of studies of which little is there, of odd names, into awkward folders; and parts of reports. */
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SwpError } from '../../src/base/failure.ts';
import type { Results } from '../../src/generated/results.ts';
import { csv } from '../../src/report/csv.ts';
import { textWidth } from '../../src/report/font.ts';
import { renderReport } from '../../src/report/render-report.ts';
import { studyResults } from '../../src/science/results/study-results.ts';
import type { Piece } from '../../src/science/results/study-pieces.ts';
import { fixturePieces, fixtureStudy } from './study-fixture.ts';
import { folder, part, render, text } from './rendering.ts';

describe('a report', () => {
  it('has equal bytes for equal results', async () => {
    const [first, second] = [await render(part(['A1', 'E1'])), await render(part(['A1', 'E1']))];
    expect(first.files.length).toBeGreaterThan(40);
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
    expect(text(page)).toContain('How each number was defined');
    expect(files.filter((file) => file.endsWith('.svg'))).toEqual([]);
    for (const file of files.filter((each) => /\/\d-[a-z]+\.html$/.test(each))) {
      const question = await readFile(file, 'utf8');
      expect(question).not.toContain('<svg');
      expect(question.match(/class="gap"/g)!.length, file).toBeGreaterThan(0);
      expect(text(question)).not.toMatch(/NaN|Infinity|undefined/);
    }
  });

  it('does without a floor, a control, several seeds or anything that emerged', async () => {
    const study = fixtureStudy();
    study.experiments = study.experiments
      .filter(({ id }) => id === 'E1')
      .map((experiment) => ({ ...experiment, seeds: [0] }));
    study.comparisons = [];
    const pieces = fixturePieces();
    const own = <Content>(all: Piece<Content>[]) =>
      all.filter(({ label }) => label.experiment === 'E1' && label.seed === 0);
    const evaluations = own(pieces.evaluations).map((piece) => ({
      ...piece,
      content: { ...piece.content!, floor: null },
    }));
    const { page } = await render(
      studyResults(study, {
        curves: own(pieces.curves),
        prunings: own(pieces.prunings),
        evaluations,
        superWeights: own(pieces.superWeights),
      }),
    );
    expect(text(page)).toContain(
      'in 0 of 1 model of E1 (kaiming after 200 steps) (spike ratio 4); survival does not apply there.',
    );
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
    const notResults = 'This is not the results of a study, version 4.';
    for (const [content, message] of [
      ['{"version":1}', notResults],
      ['null', notResults],
      ['{"version":', expect.stringContaining('This artifact is not JSON: ')],
    ]) {
      await writeFile(other, content as string);
      expect(await failure(other, folder)).toEqual({
        kind: 'content',
        path: other,
        message,
        remedy: 'Run swp repro, which makes it anew.',
      });
    }
    const good = join(folder, 'good.json');
    await writeFile(good, JSON.stringify(part(['E1'])));
    expect(await failure(good, join(other, 'report'))).toMatchObject({
      kind: 'file',
      operation: 'write',
      code: 'ENOTDIR',
    });
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

it('several runs that end at the same time may write into one folder, and leave nothing of earlier results', async () => {
  const results = part(['A1']);
  const { outDir, resultsPath } = await render(results);
  await writeFile(join(outDir, 'figures/of-before.svg'), '');
  await mkdir(join(outDir, 'figures/a-folder'));
  const [one, other] = await Promise.all([
    renderReport({ resultsPath, outDir }),
    renderReport({ resultsPath, outDir }),
  ]);
  expect(one.files).toEqual(other.files);
  const figures = one.files.filter((file) => file.includes('/figures/')).map((file) => basename(file));
  expect((await readdir(join(outDir, 'figures'))).sort()).toEqual(figures.sort());
});

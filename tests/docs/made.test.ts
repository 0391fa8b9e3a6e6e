/**
 * What the pages say of computations is what `npm run docs` makes of docs/measured with the present code: blocks,
 * sentences and pictures. If it is not, `npm run docs -- render` writes it; new results come with `npm run docs`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import detectSwSchema from '../../schemas/stages/detect-sw.schema.json' with { type: 'json' };
import {
  blockNames,
  hasSentence,
  says,
  withBlocks,
  withoutBlocks,
  withSentence,
  wrapped,
} from '../../build/docs/pages.ts';
import { PARTS } from '../../build/docs/parts.ts';
import { PLOTS } from '../../build/docs/pictures.ts';
import { isCurrent, pagePaths, renderPages, renderPictures, troubles } from '../../build/docs/render.ts';
import { SCREENSHOTS } from '../../build/docs/screenshots.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { BY_HAND } from './by-hand.ts';

const pageText = (path: string) => readFileSync(join(packageRoot, path), 'utf8');

describe('the pages', () => {
  it('have the blocks and the numbers that follow from docs/measured', async () => {
    const stale = (await renderPages()).filter((file) => !isCurrent(file)).map(({ path }) => path);
    expect(stale, 'npm run docs -- render').toEqual([]);
  });

  it('have every sentence that depends on a computation, and each is true', async () => {
    expect(await troubles()).toEqual([]);
  });

  it('have each block once', () => {
    const used = pagePaths().flatMap((path) => blockNames(pageText(path)));
    const made = PARTS.flatMap(({ blocks }) => Object.keys(blocks));
    expect(used.toSorted()).toEqual(made.toSorted());
  });

  it('have no other table of numbers and no other excerpt of a terminal but those that are listed with a reason', () => {
    const found = pagePaths().flatMap((page) =>
      [...numberTables(withoutBlocks(pageText(page))), ...excerpts(withoutBlocks(pageText(page)))].map(
        (first) => `${page}: ${first}`,
      ),
    );
    const listed = BY_HAND.map(({ page, first }) => `${page}: ${first}`);
    expect(found.toSorted()).toEqual(listed.toSorted());
  });
});

it("docs/super-weights.md has the detector's parameters with their defaults", () => {
  const rows = [...pageText('docs/super-weights.md').matchAll(/^\| `(\w+)` \| ([\d.]+)(?: nats)? \| /gm)];
  const stated = Object.fromEntries(rows.map(([, name, value]) => [name, Number(value)]));
  const properties: Record<string, { default?: unknown }> = detectSwSchema.properties;
  expect(stated).toEqual(Object.fromEntries(Object.keys(stated).map((name) => [name, properties[name]?.default])));
  expect(Object.keys(stated).length).toBeGreaterThan(7);
});

describe('docs/images', () => {
  it('has the pictures that are drawn of docs/measured, byte for byte', { timeout: 600_000 }, async () => {
    const stale = (await renderPictures()).filter((file) => !isCurrent(file)).map(({ path }) => path);
    expect(stale, 'npm run docs -- render').toEqual([]);
  });

  it('has no others but screenshots', () => {
    expect(readdirSync(join(packageRoot, 'docs/images')).toSorted()).toEqual(
      [...Object.keys(PLOTS), ...SCREENSHOTS].toSorted(),
    );
  });
});

describe('a page', () => {
  const PAGE = 'Some\n\n<!-- made: a table -->\n| a |\n<!-- end -->\n\nIn 3 of 4\nruns it fell, at most by 0.5 nats.\n';

  it('gets new blocks, and keeps what is around them', () => {
    const made = withBlocks(PAGE, (name, present) => `${name}: ${present}\n`);
    expect(made).toBe(PAGE.replace('| a |', 'a table: | a |'));
  });

  it('can have an empty block', () => {
    const empty = 'x\n\n<!-- made: b -->\n<!-- end -->\n';
    expect(blockNames(empty)).toEqual(['b']);
    expect(withBlocks(empty, () => 'y')).toBe('x\n\n<!-- made: b -->\ny\n<!-- end -->\n');
  });

  it('gets new numbers in a sentence, wherever its lines are broken', () => {
    const wording = says`In ${2} of ${4} runs it fell, at most by ${'0.25'} nats.`;
    expect(hasSentence(PAGE, wording)).toBe(false);
    const made = withSentence(PAGE, wording);
    expect(made.split('\n\n').at(-1)).toBe('In 2 of 4 runs it fell, at most by 0.25 nats.\n');
    expect(hasSentence(made, wording)).toBe(true);
    expect(withSentence(made, wording)).toBe(made);
  });

  it('keeps a sentence that has other words', () => {
    expect(withSentence(PAGE, says`In ${2} of ${4} runs it rose, at most by ${1} nats.`)).toBe(PAGE);
  });

  it('has no line above 120 characters where a number has become longer, and list items stay apart', () => {
    const item = `- ${'word '.repeat(23)}end 1 nats.\n- Another item.`;
    const made = withSentence(`${item}\n\nNext.`, says`end ${'1,234,567'} nats.`);
    expect(made.split('\n').every((line) => line.length <= 120)).toBe(true);
    expect(made).toContain('\n- Another item.\n\nNext.');
    const list = made.split('\n\n')[0]!;
    expect(wrapped(list)).toBe(list);
  });

  it('cannot have a sentence that ends with a value: where that ends could not be told', () => {
    expect(() => says`It took ${3}`).toThrow('begins and ends with fixed words');
  });
});

/** First rows of tables in which a cell has a decimal, a count k/n or a number with a unit. */
function numberTables(page: string): string[] {
  const tables = withoutCode(page).match(/(?:^\|.*\n)+/gm) ?? [];
  return tables
    .filter((table) => /\d\.\d|\d (?:MB|GB|kB|ms|s|%|nats)(?![a-z])|\d\/\d/.test(table))
    .map((table) => table.split('\n')[0]!);
}

/** First lines of fenced blocks without a language that have a digit. */
function excerpts(page: string): string[] {
  return [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, language, lines]) => language === '' && /\d/.test(lines!))
    .map(([, , lines]) => lines!.split('\n')[0]!);
}

function withoutCode(page: string): string {
  return page.replace(/^```[\s\S]*?^```$/gm, '');
}

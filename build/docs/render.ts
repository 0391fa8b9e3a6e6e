/** Makes pages and pictures from what is committed in docs/measured, with the present code. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.ts';
import { blockNames, hasSentence, hasWords, sentenceText, withBlocks, withSentence } from './pages.ts';
import { NotMeasured } from './measured.ts';
import type { Sentence } from './part.ts';
import { PARTS } from './parts.ts';
import { staleScreenshots } from './screenshots.ts';
import { drawPicture, PLOTS } from './pictures.ts';

/** Folders whose pages may have made parts, besides the project's own. */
const FOLDERS = ['docs', 'models', 'studies', 'examples'];

const SENTENCES = PARTS.flatMap(({ sentences }) => sentences);

export interface MadeFile {
  /** From the project's folder. */
  readonly path: string;
  readonly content: string | Uint8Array;
}

/** The pages that may have made parts: paths from the project's folder. */
export function pagePaths(): string[] {
  const below = FOLDERS.flatMap((folder) =>
    readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
      .filter((path) => path.endsWith('.md') && !/\/(cache|report|node_modules)\//.test(path)),
  );
  return ['README.md', 'CONTRIBUTING.md', ...below.sort()];
}

/**
 * Every page as it should be. Where something was not measured, the page stays as it is: `troubles` says so.
 * @throws Error if a page has a block that nothing makes
 */
export async function renderPages(): Promise<MadeFile[]> {
  const makers = new Map(PARTS.flatMap(({ blocks }) => Object.entries(blocks)));
  const made: MadeFile[] = [];
  for (const path of pagePaths()) {
    const text = pageText(path);
    const blocks = new Map<string, string | undefined>();
    for (const name of blockNames(text)) {
      const make = makers.get(name);
      if (make === undefined) throw new Error(`${path}: nothing makes the block "${name}".`);
      blocks.set(name, await ifMeasured(make));
    }
    const sentences = SENTENCES.filter(({ page }) => page === path);
    let content = withBlocks(text, (name, present) => blocks.get(name) ?? present);
    for (const { says } of sentences) {
      const wording = await ifMeasured(says);
      if (wording !== undefined) content = withSentence(content, wording);
    }
    made.push({ path, content });
  }
  return made;
}

/** Every picture that is a plot of a report. */
export async function renderPictures(): Promise<MadeFile[]> {
  const made: MadeFile[] = [];
  for (const file of Object.keys(PLOTS)) made.push({ path: `docs/images/${file}`, content: await drawPicture(file) });
  return made;
}

/** Whether a file has just this content. */
export function isCurrent({ path, content }: MadeFile): boolean {
  const file = join(packageRoot, path);
  return existsSync(file) && readFileSync(file).equals(Buffer.from(content));
}

/** What is wrong with the pages, a line each: sentences that are not so or not there, and what is not measured. */
export async function troubles(): Promise<string[]> {
  const found = new Set<string>();
  for (const make of PARTS.flatMap(({ blocks }) => Object.values(blocks))) await ifMeasured(make, found);
  for (const sentence of SENTENCES) {
    const trouble = await ifMeasured(() => troubleOf(sentence), found);
    if (trouble !== undefined) found.add(trouble);
  }
  for (const trouble of (await ifMeasured(staleScreenshots, found)) ?? []) found.add(trouble);
  return [...found];
}

async function troubleOf({ page, says, holds }: Sentence): Promise<string | undefined> {
  const text = pageText(page);
  const wording = await says();
  if (!hasWords(text, wording)) return `${page} does not say: ${sentenceText(wording)}`;
  if (!hasSentence(text, wording)) return `${page} should say: ${sentenceText(wording)}`;
  return holds === undefined || (await holds())
    ? undefined
    : `${page} says what was not measured: ${sentenceText(wording)}`;
}

function pageText(path: string): string {
  return readFileSync(join(packageRoot, path), 'utf8');
}

/** @returns undefined where it needs what was not measured, or cannot be made of it; which is noted */
async function ifMeasured<Made>(make: () => Made | Promise<Made>, noted?: Set<string>): Promise<Made | undefined> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    noted?.add(error instanceof NotMeasured ? error.message : `Not to be made of docs/measured: ${error.stack}`);
    return undefined;
  }
}

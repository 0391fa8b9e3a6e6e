/** The project's Markdown pages, for the tests that keep them true. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Folders with pages; what runs write (caches, reports) is beside them, so the root is not searched as a whole. */
const FOLDERS = [
  'bench',
  'build',
  'docs',
  'examples',
  'models',
  'src',
  'schemas',
  'stages',
  'studies',
  'templates',
  'tests',
];
const WRITTEN_BY_RUNS = /(^|\/)(cache|report|node_modules|dist)\//;

export interface Page {
  /** Relative to the project's root. */
  readonly path: string;
  readonly text: string;
  /** Lines outside of fenced code, with their numbers. */
  readonly prose: readonly { readonly number: number; readonly line: string }[];
  readonly code: readonly { readonly language: string; readonly lines: readonly string[] }[];
}

export function readPages(): Page[] {
  const top = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  const below = FOLDERS.filter((folder) => existsSync(join(ROOT, folder))).flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
      .filter((path) => path.endsWith('.md') && !WRITTEN_BY_RUNS.test(path)),
  );
  return [...top, 'cache/README.md', ...below].map(readPage);
}

export function readPage(path: string): Page {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const prose: { number: number; line: string }[] = [];
  const code: { language: string; lines: string[] }[] = [];
  let fence: { language: string; lines: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const mark = /^\s*```(\w*)/.exec(line);
    if (mark && fence) fence = undefined;
    else if (mark) code.push((fence = { language: mark[1]!, lines: [] }));
    else if (fence) fence.lines.push(line);
    else prose.push({ number: index + 1, line });
  }
  return { path, text, prose, code };
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(page: Page): string[] {
  return page.prose
    .filter(({ line }) => /^#+ /.test(line))
    .map(({ line }) =>
      line
        .replace(/^#+ /, '')
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
}

/** Where a link of a page leads: a path from the root, and an anchor if it names one. */
export function targetOf(page: Page, link: string): { path: string; anchor: string | undefined } {
  const [file, anchor] = link.split('#');
  const path = file === '' ? page.path : relative(ROOT, join(ROOT, dirname(page.path), decodeURI(file!)));
  return { path: path.replaceAll('\\', '/'), anchor };
}

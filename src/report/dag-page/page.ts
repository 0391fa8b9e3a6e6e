/** The DAG as one page that needs no network: the data, the script and the style in one file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedBuild } from '../../base/installed-build.ts';
import { visible } from '../../base/visible-text.ts';
import type { DagPage } from './page-data.ts';
import { STYLE } from './style.ts';

/** @returns the page; whatever names and values say, none of it is markup */
export function dagPage(page: DagPage): string {
  const script = readFileSync(join(installedBuild, 'dag-page.js'), 'utf8').replaceAll('</script', '<\\/script');
  const shown = (_: string, value: unknown) => (typeof value === 'string' ? visible(value) : value);
  const data = visible(JSON.stringify(page, shown).replaceAll('<', '\\u003c'));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>DAG</title>
<style>${STYLE}</style>
</head>
<body>
<noscript>This page draws the DAG with JavaScript.</noscript>
<main id="app"></main>
<script type="application/json" id="data">${data}</script>
<script>${script}</script>
</body>
</html>
`;
}

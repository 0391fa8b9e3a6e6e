/** What every page of a report has around its content: head, navigation, footer. No script, nothing from elsewhere. */
import type { StudyResults } from '../read-results.ts';
import { QUESTIONS, type Page } from '../registry.ts';
import { escaped, html, type Html } from './html.ts';
import { styleSheet } from './styles.ts';

export const OVERVIEW = 'index.html';

export interface PageContent {
  /** Of the browser's window, after the study's name. */
  title: string;
  /** undefined: the overview. */
  page?: Page;
  header: Html;
  main: Html;
}

/** @param digest SHA-256 of results.json, for provenance */
export function shell({ study }: StudyResults, { title, page, header, main }: PageContent, digest: string): string {
  const body = html`<a class="skip" href="#main">To the content</a>
    <nav class="bar" aria-label="Pages of this report">
      <div>
        <a class="study" href="${OVERVIEW}"${current(page === undefined)}>${study.name} · ${study.profile.name}</a>
        <ol>
          ${QUESTIONS.map((each) => html`<li><a href="${each.file}" ${current(each.id === page?.id)}>${each.number} ${each.name}</a></li> `)}
        </ol>
      </div>
    </nav>
    <div${page === undefined ? '' : html` class="question"`}>
      <header>${header}</header>
      <main id="main">${main}</main>
    </div>
    <footer>
      ${page === undefined ? '' : previousAndNext(page)}
      <p>
        All numbers: <a href="results.json">results.json</a> (SHA-256 <code>${digest.slice(0, 16)}…</code>),
        <a href="runs.csv">runs.csv</a>. results.json names, for every measurement, the recipe key of the node that made it;
        <code>swp show</code> takes it from there.
      </p>
    </footer>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(`${title} · ${study.name}`)}</title>
<style>${styleSheet()}</style>
</head>
<body>
${body}
</body>
</html>
`;
}

function current(here: boolean): Html | '' {
  return here ? html` aria-current="page"` : '';
}

/** To the questions before and after. */
function previousAndNext(page: Page): Html {
  const here = QUESTIONS.indexOf(page);
  const [before, after] = [QUESTIONS[here - 1], QUESTIONS[here + 1]];
  return html`<nav class="turn" aria-label="Previous and next question">
    ${before === undefined ? html`<a href="${OVERVIEW}">← Overview</a>` : html`<a href="${before.file}">← ${before.number} ${before.name}</a>`}
    ${after === undefined ? html`<a href="${OVERVIEW}">Overview →</a>` : html`<a href="${after.file}">${after.number} ${after.name} →</a>`}
  </nav>`;
}

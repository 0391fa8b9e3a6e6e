/** The page of one question: its plot first, then the sentence that it supports, then tables, then how it was made. */
import type { StudyResults } from '../read-results.ts';
import { QUESTIONS, type Page } from '../registry.ts';
import { figureView, type DrawnFigure } from './figure-view.ts';
import { html, type Html } from './html.ts';
import { provenance, type Provenance } from './provenance.ts';
import { shell } from './shell.ts';

/** A figure that has something to draw, the sentence that it supports, and the tables behind it. */
export interface Section {
  figure: DrawnFigure;
  finding: string;
  tables: Html[];
}

export interface DrawnPage {
  page: Page;
  sections: Section[];
  /** What this profile cannot say, and which arms would: a sentence each. */
  gaps: string[];
}

export function topicPage(results: StudyResults, { page, sections, gaps }: DrawnPage, made: Provenance): string {
  const { number, name, question } = page;
  const header = html`<p class="eyebrow">Question ${number} of ${QUESTIONS.length} · ${name}</p>
    <h1>${question}</h1>`;
  const main = html`${sections.map(sectionView)}
  ${
    gaps.length === 0
      ? ''
      : html`<section aria-labelledby="h-gaps">
          <h2 id="h-gaps">${sections.length === 0 ? 'What is missing' : 'What this profile does not show'}</h2>
          ${gaps.map((gap) => html`<p class="gap">${gap}</p> `)}
        </section>`
  }
  ${provenance(results, page, made)}`;
  return shell(results, { title: `${number} ${name}`, page, header, main }, made.digest);
}

function sectionView({ figure, finding, tables }: Section, i: number): Html {
  const id = `section-${i + 1}`;
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${figure.title}</h2>
    ${figureView(figure, html`<p class="finding">${finding}</p>`)}
    ${tables.length === 0 ? '' : html`<div class="wide">${tables}</div>`}
  </section> `;
}
